import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { counted } from "../../lib/text/counted.ts";
import { needsHttp2 } from "../../lib/way/own-answer.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { type AgentTokenId, isId, newId, type OrganizationId, type PoolId } from "../../lib/words/ids.ts";
import { hashToken, mintToken } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type Control, topics } from "../core/control.ts";
import { demandActiveToken } from "../core/credentials.ts";
import { invalid } from "../core/refusals.ts";
import { flushMs } from "./liveness.ts";
import { makeRoom, recordRegistration } from "./registration-bounds.ts";

/** The agent protocols this server speaks. */
export const protocolRange = { minimum: 1, maximum: 1 } as const;

/** What an agent says of itself. Its pool is not among it: that comes from the token. */
export interface Introduction {
  readonly incarnation: string;
  readonly bootId: string;
  readonly name: string;
  readonly version: string;
  readonly minimumProtocol: number;
  readonly maximumProtocol: number;
  readonly os: string;
  readonly arch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly sandbox: string;
  readonly address: string;
  /** The version of HTTP in which it came, `2.0`; empty in the same process. */
  readonly httpVersion: string;
  /** Where its data directory is; empty if it cannot tell. */
  readonly place: string;
}

export interface Registration {
  readonly agent: Agent;
  readonly sessionToken: string;
  readonly pool: AgentPool | null;
  readonly organization: Organization | null;
  readonly protocol: number;
  /** What will keep it from opening a stream; empty if nothing is known. */
  readonly wayProblem: string;
}

interface Place {
  readonly pool: AgentPool | null;
  readonly organization: Organization | null;
  readonly tokenId: AgentTokenId | null;
}

/** All labels of an agent, names and values together. */
const maxLabelBytes = 4 * 1024;

function refuseManyLabels(labels: Introduction["labels"]): void {
  const bytes = Buffer.byteLength(Object.entries(labels).flat().join(""));
  if (bytes > maxLabelBytes)
    throw invalid("labels", `the labels have ${bytes} bytes together: at most ${maxLabelBytes} are accepted`);
}

/** Registers an agent or finds it again. The same disk in the same pool is the same agent. */
export async function registerAgent(control: Control, who: Principal, said: Introduction): Promise<Registration> {
  const protocol = agreeOnProtocol(said);
  refuseManyLabels(said.labels);
  const now = control.clock.now();
  const sessionToken = mintToken("ses", control.random);
  const wayProblem = said.httpVersion.startsWith("1.") ? needsHttp2 : "";
  const write = async (tx: Queries): Promise<Registration> => {
    const place = await placeOf(tx, who, now);
    const known = await tx.agents.byIncarnation(place.pool?.id ?? null, said.incarnation);
    const open = known === undefined ? [] : (await tx.jobs.ofAgent(known.id)).filter(isBegun);
    if (known !== undefined) refuseOther(control, { known, said, now, hasOpenJobs: open.length > 0 });
    if (place.organization !== null && (known === undefined || !isCounted(known)))
      await refuseOverLimit(tx, place.organization);
    const agent = introduce({ control, said, place, known, now, sessionToken, hasOpenJobs: open.length > 0 });
    if (known === undefined) {
      if (place.tokenId !== null) await makeRoom(tx, control, { tokenId: place.tokenId, now });
      await tx.agents.insert(agent);
      await recordRegistration(tx, agent, { now, identity: who.kind === "agent_token" ? who.identity : undefined });
    } else await tx.agents.save(agent);
    if (place.tokenId !== null) {
      const use = { at: now, ifBefore: new Date(now.getTime() - 60_000), address: said.address };
      await tx.tokens.touch(place.tokenId, use);
    }
    return { agent, sessionToken, pool: place.pool, organization: place.organization, protocol, wayProblem };
  };
  const registered = await control.store.write(write, ...aboutDisk(who, said)).catch(async (error: unknown) => {
    if (isWindlassError(error, "already_connected")) await tellOperators(control, error, said);
    throw error;
  });
  const { id: agentId, name, poolId } = registered.agent;
  control.presence.noteArrival({ agentId, name, poolId, wayProblem, atMs: control.clock.monotonicMs() });
  control.wake.notify(topics.agents);
  return registered;
}

/** The same disk in the same pool is the same agent; new ones of one token are all alike. */
const aboutDisk = (who: Principal, { incarnation }: Introduction): readonly string[] =>
  who.kind === "agent_token" ? [`agent ${who.poolId}/${incarnation}`, `newcomer ${who.id}`] : [`agent ${incarnation}`];

function agreeOnProtocol({ minimumProtocol, maximumProtocol, version }: Introduction): number {
  const protocol = Math.min(maximumProtocol, protocolRange.maximum);
  if (minimumProtocol > maximumProtocol) {
    const got = `minimum_protocol is ${minimumProtocol} and maximum_protocol ${maximumProtocol}`;
    throw invalid("minimum_protocol", `${got}: the oldest protocol that an agent speaks cannot be above its newest`);
  }
  if (protocol >= Math.max(minimumProtocol, protocolRange.minimum)) return protocol;
  const isOlder = maximumProtocol < protocolRange.minimum;
  const advice = isOlder ? "install a newer agent" : "upgrade windlassd, or install an older agent";
  throw new WindlassError(
    "agent_version_refused",
    `windlass-agent ${version} speaks the agent protocols ${minimumProtocol} to ${maximumProtocol}, this server ${protocolRange.minimum} to ${protocolRange.maximum}: ${advice}`,
    { metadata: { minimum_protocol: String(protocolRange.minimum), maximum_protocol: String(protocolRange.maximum) } },
  );
}

async function placeOf(tx: Queries, who: Principal, now: Date): Promise<Place> {
  if (who.kind === "server_agent") return { pool: null, organization: null, tokenId: null };
  if (who.kind !== "agent_token") {
    throw new WindlassError(
      "permission_denied",
      "agents register with an agent token (wdl_agt_…): create one for the pool with `windlass token create`",
      {
        metadata: { action: "register" },
      },
    );
  }
  // It was good when the call came; who revokes it does not see an agent that comes afterwards.
  demandActiveToken(await tx.tokens.get(who.id), now);
  const pool = await tx.pools.get(who.poolId satisfies PoolId);
  const organization = await tx.organizations.get(who.organizationId satisfies OrganizationId);
  if (pool === undefined || organization === undefined)
    throw new WindlassError(
      "token_invalid",
      "the pool of this agent token was deleted: create a token for another pool",
    );
  return { pool, organization, tokenId: who.id };
}

const isBegun = ({ status }: Job): boolean => status === "started";

interface Newcomer {
  readonly known: Agent;
  readonly said: Introduction;
  readonly now: Date;
  readonly hasOpenJobs: boolean;
}

/** How many heartbeats a process that has begun jobs may be silent before another one with its identity is let in. */
const missedBeats = 3;

/**
 * Which of two processes with one identity is let in. The lock of a data directory proves that a process from the same
 * place follows the one before it. One from another place may be of a copy: while jobs are open, it waits until the
 * process that has begun them has been silent for a while. That process itself is always let in.
 */
function refuseOther(control: Control, { known, said, now, hasOpenJobs }: Newcomer): void {
  const home = homeOf(known);
  const isHome = said.place !== "" && said.place === home;
  if (hasOpenJobs && isHome && known.place !== home) return;
  refuseClone(control, known, said);
  const isKnown = isHome || said.place === known.place || said.bootId === known.bootId;
  if (!hasOpenJobs || isKnown || home === "" || said.place === "") return;
  const { presence, clock, timing } = control;
  const patienceMs = timing.heartbeatMs * missedBeats;
  const silentMs = Math.min(now.getTime() - known.lastSeenAt.getTime(), clock.monotonicMs() - presence.startedMs);
  if (silentMs >= patienceMs) return;
  throw alreadyThere(known, patienceMs, silentMs);
}

/** Where the jobs of an agent were begun. */
const homeOf = ({ jobsPlace, place }: Agent): string => (jobsPlace === "" ? place : jobsPlace);

/** Two live processes with one disk: the newcomer waits, and operators are told. Silent for one interval is not live. */
export function refuseClone(
  { presence, replicas, clock, timing }: Control,
  known: Agent,
  said: { readonly bootId: string },
): void {
  const connected = presence.get(known.id);
  const isElsewhere = connected === undefined && known.replicaId !== null && replicas.isElsewhere(known.replicaId);
  if (!isElsewhere && connected === undefined) return;
  if ((connected ?? known).bootId === said.bootId) return;
  // Elsewhere only its row tells when it was heard, and a little later.
  const silentMs =
    connected === undefined
      ? clock.now().getTime() - known.lastSeenAt.getTime()
      : clock.monotonicMs() - connected.heardAtMs;
  const patienceMs = timing.heartbeatMs * 1.5 + (connected === undefined ? flushMs : 0);
  if (silentMs > patienceMs) return;
  throw alreadyThere(known, patienceMs, silentMs);
}

function alreadyThere(known: Agent, patienceMs: number, silentMs: number): WindlassError {
  return new WindlassError(
    "already_connected",
    `agent ${known.name} (${known.id}) is already connected from ${known.address} with this data directory: give each agent its own. If the other process has just ended, this one is let in within ${Math.ceil(patienceMs / 1000)} s`,
    { metadata: { agent: known.id, address: known.address }, retryAfterMs: Math.max(1_000, patienceMs - silentMs) },
  );
}

async function tellOperators(control: Control, error: WindlassError, said: Introduction): Promise<void> {
  const { presence, store, log } = control;
  const agentId = error.metadata.agent ?? "";
  log.warn(
    { agentId, address: said.address, bootId: said.bootId },
    "two agents share one identity: the second one is refused",
  );
  if (!isId("agent", agentId)) return;
  const warning = `a second process with this identity tried to connect from ${said.address}: two agents must not share a data directory`;
  const connected = presence.get(agentId);
  if (connected !== undefined) connected.warn(warning);
  else if (presence.find(agentId) !== undefined)
    await store.write(async (tx) => {
      const row = await tx.agents.get(agentId);
      if (row !== undefined && row.warning !== warning) await tx.agents.save({ ...row, warning });
    }, agentId);
}

const isCounted = ({ status }: Agent): boolean => status === "idle" || status === "busy" || status === "unknown";

async function refuseOverLimit(tx: Queries, organization: Organization): Promise<void> {
  if (organization.maxAgents === 0) return;
  const connected = await tx.agents.countConnected(organization.id);
  if (connected < organization.maxAgents) return;
  throw new WindlassError(
    "agent_limit_reached",
    `organization ${organization.name} may have ${counted(organization.maxAgents, "agent")} connected at once, and has ${connected}: stop one, or raise the limit`,
    { metadata: { limit: String(organization.maxAgents) }, retryAfterMs: 60_000 },
  );
}

interface Facts {
  readonly control: Control;
  readonly said: Introduction;
  readonly place: Place;
  readonly known: Agent | undefined;
  readonly now: Date;
  readonly sessionToken: string;
  readonly hasOpenJobs: boolean;
}

function introduce({ control, said, place, known, now, sessionToken, hasOpenJobs }: Facts): Agent {
  // A new process starts afresh: draining was the wish for the old one.
  const isDraining = known?.bootId === said.bootId ? known.isDraining : false;
  const isPaused = known?.isPaused ?? false;
  const standing = standingAfter(control, known, now);
  return {
    id: known?.id ?? newId("agent", control.random),
    organizationId: place.organization?.id ?? null,
    poolId: place.pool?.id ?? null,
    tokenId: place.tokenId,
    incarnation: said.incarnation,
    bootId: said.bootId,
    sessionEpoch: known?.sessionEpoch ?? 0,
    sessionTokenHash: hashToken(sessionToken),
    name: said.name,
    version: said.version,
    os: said.os,
    arch: said.arch,
    labels: said.labels,
    address: said.address,
    concurrency: said.concurrency,
    sandbox: said.sandbox,
    engines: known?.engines ?? null,
    isPaused,
    isDraining,
    pauseReason: isPaused || isDraining ? (known?.pauseReason ?? "") : "",
    connectedTo: known?.connectedTo ?? "",
    replicaId: known?.replicaId ?? null,
    place: said.place,
    jobsPlace: known !== undefined && hasOpenJobs ? homeOf(known) : "",
    warning: "",
    keptDirectories: known?.keptDirectories ?? [],
    unwantedDirectories: known?.unwantedDirectories ?? [],
    updateStatus: statusAfter(known, said.version),
    createdAt: known?.createdAt ?? now,
    ...standing,
  };
}

/** One that comes as another version has not proved it: what it says with its hello counts, and nothing of before. */
function statusAfter(known: Agent | undefined, version: string): Agent["updateStatus"] {
  const status = known?.updateStatus ?? null;
  if (known === undefined || status === null || known.version === version) return status;
  return { ...status, state: "switching", from: known.version, target: version, reason: "", detail: "" };
}

/**
 * An agent gets jobs over its stream: until it has one, it is as one that is silent. One that was there a moment ago
 * stays what it was, and its silence goes on.
 */
function standingAfter(
  { presence }: Control,
  known: Agent | undefined,
  now: Date,
): Pick<Agent, "status" | "lastSeenAt"> {
  if (known === undefined) return { status: "unknown", lastSeenAt: now };
  const { status, lastSeenAt } = known;
  if (presence.find(known.id) !== undefined || status === "busy") {
    return { status: status === "busy" ? "busy" : "idle", lastSeenAt: now };
  }
  return status === "idle" ? { status, lastSeenAt } : { status: "unknown", lastSeenAt: now };
}
