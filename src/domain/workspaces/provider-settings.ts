import type { OrganizationId, PoolId } from "../../lib/words/ids.ts";

/** One place where terraform takes providers from, with the patterns of those that do and do not come from there. */
export type ProviderSource = SourcePlace & {
  /** Empty is all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
};

export type SourcePlace =
  | { readonly kind: "filesystem"; readonly path: string }
  /** With a slash at the end. */
  | { readonly kind: "network"; readonly url: string }
  | { readonly kind: "direct" };

/** Where the jobs of an organization or of one of its pools take providers from. */
export interface ProviderSettings {
  /** Of the organization or the pool: it has at most one. */
  readonly id: OrganizationId | PoolId;
  readonly organizationId: OrganizationId;
  /** Null: they are the organization's. */
  readonly poolId: PoolId | null;
  /** Empty: they say nothing about it. */
  readonly sources: readonly ProviderSource[];
  /** Hosts that want a token, by name; none twice. */
  readonly hosts: readonly string[];
  /** Their tokens as JSON, `{ "host": "token" }`, sealed; null without hosts. */
  readonly sealedValue: Uint8Array | null;
  /** In PEM form, nothing between them; may be empty. */
  readonly caCertificates: string;
  readonly updatedAt: Date;
  readonly version: number;
}

/** What of settings is merged. */
export interface ProviderFacts<Host extends { readonly host: string }> {
  readonly sources: readonly ProviderSource[];
  readonly hosts: readonly Host[];
  readonly caCertificates: string;
}

/**
 * What a job gets: the sources of its pool if it names any, else those of the organization; the hosts of both, the pool's
 * where both name one; the certificates of both.
 */
export const effectiveProviders = <Host extends { readonly host: string }>(
  organization: ProviderFacts<Host>,
  pool: ProviderFacts<Host>,
): ProviderFacts<Host> => ({
  sources: pool.sources.length > 0 ? pool.sources : organization.sources,
  hosts: [...new Map([...organization.hosts, ...pool.hosts].map((one) => [one.host, one])).values()].toSorted(byHost),
  caCertificates: bothCertificates(organization.caCertificates, pool.caCertificates),
});

const byHost = (a: { readonly host: string }, b: { readonly host: string }): number => (a.host < b.host ? -1 : 1);

const endLine = "-----END CERTIFICATE-----\n";

/** Each certificate once, those of the first before those of the second. */
const bothCertificates = (first: string, second: string): string =>
  [...new Set([first, second].flatMap((text) => text.split(endLine)).filter((one) => one !== ""))]
    .map((one) => `${one}${endLine}`)
    .join("");
