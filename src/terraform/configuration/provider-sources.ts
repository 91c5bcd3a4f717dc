import type { CliItem, CliValue } from "./cli-config/cli-syntax.ts";

/** Which providers are meant. Empty lists of patterns stand for every provider and for none. */
export interface ProviderPatterns {
  /** Patterns such as `registry.terraform.io/acme/*`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Where providers may be taken from; of two that have the same version the first gives it. */
export type ProviderMirror = ProviderPatterns &
  (
    | /** A directory on the agent, packed or unpacked. */ { readonly kind: "filesystem"; readonly path: string }
    | /** `https://…/`, by the provider network mirror protocol. */ { readonly kind: "network"; readonly url: string }
    | /** Each provider's own registry. */ { readonly kind: "direct" }
  );

/** A host that wants a token: a private registry, or a network mirror. */
export interface RegistryHost {
  /** With its port if that is not 443: `registry.acme.test`, `localhost:9443`. */
  readonly host: string;
  readonly token: string;
}

/** What somebody beside the agent's owner says of where the providers of a job come from. */
export interface ProviderSources {
  /** None: from their registries, or from where the agent's machine has them. */
  readonly mirrors: readonly ProviderMirror[];
  readonly hosts: readonly RegistryHost[];
  /** Authorities to trust beside the system's: certificates, PEM, one after the other. Empty is none. */
  readonly caPem: string;
}

/** A `provider_installation` block of such methods. */
export const installationBlock = (methods: readonly CliItem[]): CliItem => block("provider_installation", [], methods);

/** A `credentials` block. */
export const credentialsBlock = ({ host, token }: RegistryHost): CliItem =>
  block("credentials", [host], [attribute("token", token)]);

const blockNames = { filesystem: "filesystem_mirror", network: "network_mirror", direct: "direct" } as const;

/** A method of a `provider_installation` block. */
export function mirrorBlock(mirror: ProviderMirror): CliItem {
  const { include, exclude } = mirror;
  return block(
    blockNames[mirror.kind],
    [],
    [
      ...(mirror.kind === "filesystem" ? [attribute("path", mirror.path)] : []),
      ...(mirror.kind === "network" ? [attribute("url", mirror.url)] : []),
      ...(include.length === 0 ? [] : [attribute("include", include)]),
      ...(exclude.length === 0 ? [] : [attribute("exclude", exclude)]),
    ],
  );
}

const attribute = (name: string, value: CliValue): CliItem => ({ kind: "attribute", name, value, line: 0 });
const block = (name: string, labels: readonly string[], items: readonly CliItem[]): CliItem => ({
  kind: "block",
  name,
  labels,
  items,
  line: 0,
});
