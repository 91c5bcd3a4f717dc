import type { Role } from "../../domain/people/api-key.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Retention } from "../../domain/people/retention.ts";
import type { OrganizationStats } from "../../domain/people/stats.ts";
import { durationMs, settingText } from "../../lib/setting-schemas.ts";
import { entriesOf } from "../../lib/values/records.ts";
import type { OrganizationId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import type { Control, Limits, WebPlace } from "../core/control.ts";
import { protocolRange } from "../sessions/registration.ts";

/** Where the database keeps the random id of its history. */
export const generationKey = "cluster_generation";

/** What the server is, for anybody who asks. */
export interface ServerFacts {
  readonly version: string;
  readonly database: "sqlite" | "postgres";
  readonly maxConfigurationBytes: number;
  readonly maxStateBytes: number;
  readonly generation: string;
  readonly hasServerAgent: boolean;
  /** The agent protocols it speaks. */
  readonly protocol: { readonly minimum: number; readonly maximum: number };
  /** What is bounded, by the name of its setting. */
  readonly limits: Readonly<Record<string, number>>;
  /** What is kept how long, by the name of its setting: for people. */
  readonly retention: Readonly<Record<string, string>>;
  readonly now: Date;
  /** The UI for browsers, and how people reach it; undefined if it is not served. */
  readonly web: WebPlace | undefined;
}

/** The names by which people know the limits; those without a setting have a name of the same form. */
const limitNames: Readonly<Record<keyof Limits, string>> = {
  maxConfigurationBytes: "max-config-size",
  maxStateBytes: "max-state-size",
  maxPlanBytes: "max-plan-size",
  maxPlanFilesBytes: "max-plan-files-size",
  maxLogBytes: "max-log-size",
  logWindowBytes: "log-window-size",
  callsPerSecond: "rate-limit",
  authFailuresPerMinute: "auth-failure-limit",
  maxQueuedRuns: "max-queued-runs",
  maxAgentsPerToken: "max-agents-per-token",
  registrationsPerMinute: "registration-rate",
};

/** Describes the server, each time it is asked. What does not change while it runs is put together once. */
export function serverDescription(control: Control): () => Promise<ServerFacts> {
  const { version, store, limits, presence, clock, web } = control;
  const { maxConfigurationBytes, maxStateBytes } = limits;
  const fixed = {
    ...{ version, database: store.engine, maxConfigurationBytes, maxStateBytes, protocol: protocolRange },
    limits: Object.fromEntries(entriesOf(limitNames).map(([name, shown]) => [shown, limits[name]])),
    retention: retentionTexts(control.retention),
  };
  let generation = "";
  return async () => {
    if (generation === "") generation = (await store.read((q) => q.meta.get(generationKey))) ?? "";
    const hasServerAgent = presence.everywhere().some((connected) => connected.poolId === null);
    return { ...fixed, generation, hasServerAgent, now: clock.now(), web };
  };
}

const duration = durationMs();

/** What is kept how long, as the settings would be given. */
export function retentionTexts(retention: Retention): Readonly<Record<string, string>> {
  const text = (ms: number | null, otherwise = "for ever") => (ms === null ? otherwise : settingText(duration, ms));
  const { states } = retention;
  return {
    "keep-runs": text(retention.runsMs),
    "keep-logs": text(retention.logsMs, "as long as the run"),
    "keep-configs": text(retention.configurationsMs),
    "keep-states": states?.kind === "count" ? `${states.count} of a workspace` : text(states?.ms ?? null),
    "keep-audit": text(retention.auditMs),
    "exited-agent-ttl": text(retention.exitedAgentsMs),
    "lost-agent-ttl": text(retention.lostAgentsMs),
    "ended-key-ttl": text(retention.endedKeysMs),
  };
}

/** The caller, as the server knows it. */
export interface Subject {
  readonly kind: Principal["kind"];
  readonly id: string;
  readonly name: string;
  /** Null unless it is an API key. */
  readonly role: Role | null;
  /** Names of the organizations it can see. */
  readonly organizations: readonly string[];
  /** When the credential ends; null if never. */
  readonly expiresAt: Date | null;
}

/** Describes the caller's credential. */
export async function describeCaller(control: Control, who: Principal): Promise<Subject> {
  return control.store.read((q) => subjectOf(q, who));
}

const maxOrganizations = 1000;

async function subjectOf(q: Queries, who: Principal): Promise<Subject> {
  const { kind } = who;
  switch (kind) {
    case "api_key": {
      const { id, name, role, organizationId } = who;
      const all = role === "site_admin" ? await q.organizations.list({ after: null, limit: maxOrganizations }) : [];
      const organizations = role === "site_admin" ? all.map((row) => row.name) : await nameOf(q, organizationId);
      const expiresAt = (await q.apiKeys.get(id))?.expiresAt ?? null;
      return { kind, id, name, role, organizations, expiresAt };
    }
    case "agent_token": {
      const token = await q.tokens.get(who.id);
      return {
        kind,
        id: who.id,
        name: token?.description ?? "",
        role: null,
        organizations: await nameOf(q, who.organizationId),
        expiresAt: token?.expiresAt ?? null,
      };
    }
    case "server_agent":
      return { kind, id: "", name: "server agent", role: null, organizations: [], expiresAt: null };
    case "agent_session": {
      const agent = await q.agents.get(who.agentId);
      const organizations = await nameOf(q, agent?.organizationId ?? null);
      const token = agent === undefined || agent.tokenId === null ? undefined : await q.tokens.get(agent.tokenId);
      const expiresAt = token?.expiresAt ?? null;
      return { kind, id: who.agentId, name: agent?.name ?? "", role: null, organizations, expiresAt };
    }
    case "job": {
      const job = await q.jobs.get(who.jobId);
      const name = job === undefined ? "" : `${job.phase} of ${job.runId}`;
      const organizations = await nameOf(q, job?.organizationId ?? null);
      return { kind, id: who.jobId, name, role: null, organizations, expiresAt: null };
    }
  }
}

async function nameOf(q: Queries, id: OrganizationId | null): Promise<readonly string[]> {
  const organization = id === null ? undefined : await q.organizations.get(id);
  return organization === undefined ? [] : [organization.name];
}

/** Counts of an organization, for a start page. */
export async function describeOrganization(
  control: Control,
  who: Principal,
  organization: string,
): Promise<OrganizationStats> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => q.stats.ofOrganization((await findOrganization(q, person, organization)).id));
}

const probeEveryMs = 100;

/** Bytes without a meaning, which do not compress, in pieces with a pause between them. Ends early when aborted. */
export async function* probePieces(
  { clock, random }: Control,
  { pieces, bytes }: { readonly pieces: number; readonly bytes: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for (let number = 1; number <= pieces && !signal.aborted; number++) {
    if (number > 1) await clock.sleep(probeEveryMs, signal).catch(() => {});
    if (!signal.aborted) yield random.bytes(bytes);
  }
}
