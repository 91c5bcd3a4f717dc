import type { Principal } from "../../domain/people/principal.ts";
import {
  effectiveProviders,
  type ProviderFacts,
  type ProviderSettings,
} from "../../domain/workspaces/provider-settings.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { openTokens } from "../workspaces/provider-tokens.ts";
import type { Scope } from "./artifacts.ts";
import { startedScope } from "./inputs.ts";

/** Where a job takes providers from, tokens in clear. */
export type JobProviders = ProviderFacts<{ readonly host: string; readonly token: string }>;

/** Where a started job takes providers from: what its pool says over what its organization says. */
export async function providersOfJob(control: Control, who: Principal): Promise<JobProviders> {
  const found = control.store.read(async (q) => readProviders(q, await startedScope(q, who, "providers")));
  return openProviders(control, await found);
}

/** What the providers of a job are made of. */
export interface StoredProviders {
  readonly organization: ProviderSettings | undefined;
  readonly pool: ProviderSettings | undefined;
}

export async function readProviders(q: Queries, { job }: Scope): Promise<StoredProviders> {
  const [organization, pool] = await allSettled([
    q.providerSettings.get(job.organizationId),
    job.poolId === null ? undefined : q.providerSettings.get(job.poolId),
  ]);
  return { organization, pool };
}

export const openProviders = (control: Control, { organization, pool }: StoredProviders): JobProviders =>
  effectiveProviders(opened(control, organization), opened(control, pool));

const opened = (control: Control, settings: ProviderSettings | undefined): JobProviders => ({
  sources: settings?.sources ?? [],
  hosts: [...openTokens(control, settings)].map(([host, token]) => ({ host, token })),
  caCertificates: settings?.caCertificates ?? "",
});
