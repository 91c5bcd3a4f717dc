import type { CliItem } from "../../../terraform/configuration/cli-config/cli-syntax.ts";
import { attributeIn } from "../../../terraform/configuration/cli-config/findings.ts";
import { mirrorBlock, type ProviderMirror } from "../../../terraform/configuration/provider-sources.ts";

export interface WithPackages {
  /** What the job is told without a cache. */
  readonly methods: readonly CliItem[] | null;
  /** What the engine does by itself when it is told nothing. */
  readonly implied: readonly ProviderMirror[];
  /** Where the job sees the packages. */
  readonly path: string;
  /** Providers whose package is settled by the lock file: nobody else is asked for them. */
  readonly settled: readonly string[];
}

/** The methods of a job that takes packages from the cache before anything else. */
export function methodsWithPackages({ methods, implied, path, settled }: WithPackages): readonly CliItem[] {
  const here = implied.flatMap(({ include }) => include);
  const cache = mirrorBlock({ kind: "filesystem", path, include: [], exclude: here });
  const rest = methods ?? [...implied.map(mirrorBlock), mirrorBlock({ kind: "direct", include: [], exclude: here })];
  return [
    ...rest.filter(isOverride),
    cache,
    ...rest.filter((one) => !isOverride(one)).map((one) => without(one, settled)),
  ];
}

const isOverride = ({ name }: CliItem): boolean => name === "dev_overrides";

/** The method for all but these providers. */
function without(method: CliItem, addresses: readonly string[]): CliItem {
  if (method.kind !== "block" || addresses.length === 0) return method;
  const said = attributeIn(method, "exclude");
  const exclude = [...(Array.isArray(said) ? said : []), ...addresses];
  const items = method.items.filter(({ name }) => name !== "exclude");
  return { ...method, items: [...items, { kind: "attribute", name: "exclude", value: exclude, line: method.line }] };
}
