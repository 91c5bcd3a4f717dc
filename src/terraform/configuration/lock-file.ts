import { quoted } from "../../lib/hcl/text.ts";
import { type CliItem, readCliSyntax } from "./cli-config/cli-syntax.ts";
import { attributeIn, textIn } from "./cli-config/findings.ts";

/** One provider of a dependency lock file. */
export interface LockedProvider {
  /** `registry.terraform.io/hashicorp/random`. */
  readonly address: string;
  readonly version: string;
  /** What the configuration asks for; empty if it does not say. */
  readonly constraints: string;
  /** `h1:…` of an unpacked package, `zh:…` of a zip. */
  readonly hashes: readonly string[];
}

/** The name of the lock file in a working directory. */
export const lockFileName = ".terraform.lock.hcl";

/** The providers of a lock file; undefined for what terraform has to say something about. */
export function readLockFile(text: string): readonly LockedProvider[] | undefined {
  const read = readCliSyntax(text);
  if (read.kind === "malformed") return undefined;
  const locked = read.items.map(lockedIn);
  return locked.every((one) => one !== undefined) ? locked : undefined;
}

function lockedIn(item: CliItem): LockedProvider | undefined {
  if (item.kind !== "block" || item.name !== "provider") return undefined;
  const [address] = item.labels;
  const version = textIn(item, "version");
  const hashes = attributeIn(item, "hashes") ?? [];
  if (address === undefined || version === undefined || !isTexts(hashes)) return undefined;
  return { address, version, constraints: textIn(item, "constraints") ?? "", hashes };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

/** The text of a lock file, in terraform's own form. */
export function renderLockFile(providers: readonly LockedProvider[]): string {
  const header =
    '# This file is maintained automatically by "terraform init".\n# Manual edits may be lost in future updates.\n';
  const blocks = providers.toSorted((a, b) => (a.address < b.address ? -1 : 1)).map(renderLocked);
  return header + blocks.map((block) => `\n${block}`).join("");
}

function renderLocked({ address, version, constraints, hashes }: LockedProvider): string {
  const settings =
    constraints === ""
      ? [`version = ${quoted(version)}`]
      : [`version     = ${quoted(version)}`, `constraints = ${quoted(constraints)}`];
  const list = [...new Set(hashes)].sort().map((hash) => `    ${quoted(hash)},`);
  return [
    `provider ${quoted(address)} {`,
    ...settings.map((line) => `  ${line}`),
    "  hashes = [",
    ...list,
    "  ]",
    "}",
    "",
  ].join("\n");
}
