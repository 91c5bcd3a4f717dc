import type { Person, Principal } from "../../domain/people/principal.ts";
import {
  effectiveProviders,
  type ProviderSettings,
  type ProviderSource,
  type SourcePlace,
} from "../../domain/workspaces/provider-settings.ts";
import { given } from "../../lib/values/records.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, notFound } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { demandEtag, etagOf } from "../core/etags.ts";
import { shortList } from "../core/names.ts";
import { invalid } from "../core/refusals.ts";
import {
  type CheckedHost,
  certificateWarnings,
  checkedCertificates,
  checkedHosts,
  checkedSources,
  type WantedHost,
} from "./provider-checks.ts";
import { openTokens, type ProviderTokens, sealTokens } from "./provider-tokens.ts";

/** How a request names settings: those of a pool, or with an empty one those of the organization itself. */
export interface SettingsReference {
  readonly organization: string;
  readonly agentPool: string;
}

/** Settings as their readers see them: every host has a token, which is not shown. */
export interface ProviderSettingsView {
  readonly organizationName: string;
  /** Empty for those of the organization. */
  readonly poolName: string;
  readonly sources: readonly ProviderSource[];
  readonly hosts: readonly string[];
  readonly caCertificates: string;
  readonly warnings: readonly string[];
  /** Null if nobody has set any. */
  readonly updatedAt: Date | null;
  /** Empty where there is nothing to update. */
  readonly etag: string;
}

/** Whose settings they are. */
interface Owner extends Pick<ProviderSettings, "id" | "organizationId" | "poolId"> {
  readonly organizationName: string;
  readonly poolName: string;
  /** For people: `agent pool "prod"`. */
  readonly title: string;
}

async function findOwner(q: Queries, person: Person, { organization, agentPool }: SettingsReference): Promise<Owner> {
  if (agentPool === "") {
    const { id, name } = await findOrganization(q, person, organization);
    const title = `organization "${name}"`;
    return { id, organizationId: id, poolId: null, organizationName: name, poolName: "", title };
  }
  const { id, organizationId, name } = await findPool(q, person, { organization, name: agentPool });
  const organizationName = (await q.organizations.get(organizationId))?.name ?? "";
  return { id, organizationId, poolId: id, organizationName, poolName: name, title: `agent pool "${name}"` };
}

/** What there is before anybody has set anything. */
const nothing = { sources: [], hosts: [], caCertificates: "", updatedAt: null } as const;
/** The version of what is not there: an update can insist on being the first. */
const noVersion = { version: 0 };

type Content = Pick<ProviderSettings, "sources" | "hosts" | "caCertificates"> & { readonly updatedAt: Date | null };

function viewOf(owner: Owner, { content, etag, now }: { content: Content; etag: string; now: Date }) {
  const { organizationName, poolName } = owner;
  const { sources, hosts, caCertificates, updatedAt } = content;
  const warnings = certificateWarnings(caCertificates, now);
  return { organizationName, poolName, sources, hosts, caCertificates, warnings, updatedAt, etag };
}

export interface SettingsQuestion extends SettingsReference {
  /** What a job of the pool gets, not what the pool's settings say alone. */
  readonly isEffective: boolean;
}

/** The settings of an organization or a pool; empty ones if nobody has set any. */
export async function getProviderSettings(
  { store, clock }: Control,
  who: Principal,
  { isEffective, ...reference }: SettingsQuestion,
): Promise<ProviderSettingsView> {
  const person = asPerson(who);
  demand(person, "read");
  return store.read(async (q) => {
    const owner = await findOwner(q, person, reference);
    const own = await q.providerSettings.get(owner.id);
    const now = clock.now();
    if (!isEffective) return viewOf(owner, { content: own ?? nothing, etag: etagOf(own ?? noVersion), now });
    const above = owner.poolId === null ? undefined : await q.providerSettings.get(owner.organizationId);
    return viewOf(owner, { content: merged(above, own), etag: "", now });
  });
}

function merged(organization: ProviderSettings | undefined, pool: ProviderSettings | undefined): Content {
  const facts = (one: Content = nothing) => ({ ...one, hosts: one.hosts.map((host) => ({ host })) });
  const { sources, hosts, caCertificates } = effectiveProviders(facts(organization), facts(pool));
  const times = [organization, pool].flatMap((one) => (one === undefined ? [] : [one.updatedAt]));
  const updatedAt = times.toSorted((a, b) => b.getTime() - a.getTime())[0] ?? null;
  return { sources, hosts: hosts.map(({ host }) => host), caCertificates, updatedAt };
}

/** What an update names; what is left out stays. */
export interface SettingsChanges {
  readonly sources?: readonly ProviderSource[] | undefined;
  readonly hosts?: readonly WantedHost[] | undefined;
  readonly caCertificates?: string | undefined;
}

export interface SettingsUpdate {
  readonly reference: SettingsReference;
  readonly changes: SettingsChanges;
  readonly etag: string;
  /** Check everything, and change nothing. */
  readonly isTrial: boolean;
}

/** Changes settings, or makes the first ones; for owners. */
export async function updateProviderSettings(
  control: Control,
  who: Principal,
  { reference, changes, etag, isTrial }: SettingsUpdate,
): Promise<ProviderSettingsView> {
  const person = asPerson(who);
  const checked = checkChanges(changes);
  return change(control, async (tx, at) => {
    const owner = await findOwner(tx, person, reference);
    demand(person, "own");
    const known = await tx.providerSettings.get(owner.id);
    demandEtag(known ?? noVersion, etag, `the providers setting of ${owner.title}`);
    const next = nextSettings(control, owner, { known, checked, now: at.now });
    const view = viewOf(owner, { content: next, etag: etagOf(isTrial ? (known ?? noVersion) : next), now: at.now });
    if (isTrial) return view;
    await (known === undefined ? tx.providerSettings.insert(next) : tx.providerSettings.save(next));
    await recordUpdate(tx, person, { owner, next, checked, at: at.now });
    return view;
  });
}

interface CheckedChanges {
  readonly sources?: readonly ProviderSource[] | undefined;
  readonly hosts?: readonly CheckedHost[] | undefined;
  readonly caCertificates?: string | undefined;
}

const checkChanges = ({ sources, hosts, caCertificates }: SettingsChanges): CheckedChanges => ({
  sources: sources === undefined ? undefined : checkedSources(sources),
  hosts: hosts === undefined ? undefined : checkedHosts(hosts),
  caCertificates: caCertificates === undefined ? undefined : checkedCertificates(caCertificates),
});

interface Step {
  readonly known: ProviderSettings | undefined;
  readonly checked: CheckedChanges;
  readonly now: Date;
}

function nextSettings(
  control: Control,
  { id, organizationId, poolId }: Owner,
  { known, checked: { hosts, ...changes }, now }: Step,
): ProviderSettings {
  const before = known ?? { ...nothing, sealedValue: null };
  const tokens = hosts === undefined ? undefined : tokensFor(hosts, openTokens(control, known));
  return {
    id,
    organizationId,
    poolId,
    sources: before.sources,
    caCertificates: before.caCertificates,
    ...given(changes),
    hosts: tokens === undefined ? before.hosts : [...tokens.keys()],
    sealedValue: tokens === undefined ? before.sealedValue : sealTokens(control, { id }, tokens),
    updatedAt: now,
    // Settings that were deleted and are made anew do not begin with an etag that somebody has read before.
    version: known === undefined ? now.getTime() : known.version + 1,
  };
}

/** A host without a token keeps the one it has. */
const tokensFor = (hosts: readonly CheckedHost[], known: ProviderTokens): ProviderTokens =>
  new Map(
    hosts.map(({ host, token, field }) => {
      const kept = token === "" ? known.get(host) : token;
      if (kept === undefined)
        throw invalid(`${field}.token`, `${host} has no token yet: give one, or leave the host out`);
      return [host, kept];
    }),
  );

/** Deletes settings with their tokens; for owners. */
export async function deleteProviderSettings(
  control: Control,
  who: Principal,
  reference: SettingsReference,
): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const owner = await findOwner(tx, person, reference);
    demand(person, "own");
    if (!(await tx.providerSettings.delete(owner.id))) {
      throw notFound("providers setting", owner.poolName || owner.organizationName);
    }
    const { id: resource, organizationId } = owner;
    const entry = { action: "provider_settings.delete", resource, organizationId, detail: labelOf(owner) };
    await record(tx, person, { ...entry, at: at.now });
  });
}

const labelOf = ({ organizationName, poolName }: Owner): Readonly<Record<string, string>> =>
  poolName === "" ? { organization: organizationName } : { pool: poolName };

interface Update {
  readonly owner: Owner;
  readonly next: ProviderSettings;
  readonly checked: CheckedChanges;
  readonly at: Date;
}

/** Which tokens are new is recorded; what they are is not. */
async function recordUpdate(tx: Queries, person: Person, { owner, next, checked, at }: Update): Promise<void> {
  const { id: resource, organizationId } = owner;
  const renewed = (checked.hosts ?? []).filter(({ token }) => token !== "").map(({ host }) => host);
  const detail = {
    ...labelOf(owner),
    sources: shortList(next.sources.map(sourceText), 20),
    hosts: shortList(next.hosts, 50),
    new_tokens: shortList(renewed, 50),
    ca_certificates: String(next.caCertificates.split("-----BEGIN ").length - 1),
  };
  await record(tx, person, { action: "provider_settings.update", resource, organizationId, detail, at });
}

const sourceText = ({ include, exclude, ...place }: ProviderSource): string =>
  [placeText(place), ...include.map((one) => `include=${one}`), ...exclude.map((one) => `exclude=${one}`)].join(" ");

function placeText(source: SourcePlace): string {
  switch (source.kind) {
    case "filesystem":
      return source.path;
    case "network":
      return source.url;
    case "direct":
      return "direct";
  }
}
