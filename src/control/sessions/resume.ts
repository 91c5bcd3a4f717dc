import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Agent } from "../../domain/agents/agent.ts";
import { type AgentToken, standingOf } from "../../domain/agents/token.ts";
import { isEnded, type Job, type JobEvent } from "../../domain/runs/job.ts";
import type { JobFeature } from "../../domain/runs/job-features.ts";
import type { Hello, ResumeDecisionSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, type HeldJob, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type AgentId, isId, type JobId } from "../../lib/words/ids.ts";
import { changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { takeUpRestored, warnOfUnknown } from "../jobs/restored-claims.ts";
import { claimed } from "../jobs/results.ts";
import { advanceJob } from "../runs/advance.ts";
import { desiredOf } from "../runs/desired-state.ts";
import { logStreamOf } from "../runs/logs.ts";
import { recordUpdate, updateHeard } from "../updates/heard-update.ts";
import { enginesOf, knownFeatures } from "./agent-engines.ts";
import { refuseClone } from "./registration.ts";

/** A claim that this session may write about. */
export interface HeldClaim {
  readonly job: Job;
  /** Counts against the agent's concurrency. */
  readonly isRunning: boolean;
}

export interface Resumed {
  readonly agent: Agent;
  /** Which later options of jobs it knows. */
  readonly features: ReadonlySet<JobFeature>;
  /** Why the agent may only finish what it holds; undefined while its agent token is good. */
  readonly spent: string | undefined;
  readonly held: readonly HeldClaim[];
  readonly decisions: readonly MessageInitShape<typeof ResumeDecisionSchema>[];
  /** What stands between the agent and the server, as it says; empty if nothing does. */
  readonly wayProblem: string;
}

/** What is wanted of a job that an agent names in its hello. */
function wishFor(job: Job, { stage }: HeldJob): DesiredState {
  // Its journal comes before terraform: an apply that it has not begun was never executed, and the agent's result says so.
  const hasBegun = stage !== JobStage.PREPARING && stage !== JobStage.PREPARED;
  return job.status === "interrupted" && !job.isLogClosed && !hasBegun ? DesiredState.CANCEL : desiredOf(job);
}

/** Accepts a stream: a new session epoch, and a decision about each job that the agent holds. */
export async function resume(
  control: Control,
  agentId: AgentId,
  { hello, address }: { readonly hello: Hello; readonly address: string },
): Promise<Resumed> {
  const ids = hello.jobs.flatMap((held) => jobIdOf(held) ?? []);
  const { agent, spent, jobs } = await changeAbout(control, agentId, async (tx, at) => {
    const found = await tx.agents.get(agentId);
    if (found === undefined) throw new WindlassError("not_found", `agent ${agentId} was deleted: register again`);
    const now = at.now;
    const token = found.tokenId === null ? undefined : await tx.tokens.get(found.tokenId);
    const spent = token === undefined ? undefined : whySpent(token, now);
    refuseStranger(control, found, hello, spent !== undefined);
    const updateStatus = updateHeard(found.updateStatus, hello.update, now);
    const agent = connectedNow(updateStatus === undefined ? found : { ...found, updateStatus }, hello, {
      ...{ connectedTo: control.name, replicaId: control.replicas.id },
      ...{ address, lastSeenAt: now },
    });
    await tx.agents.save(agent);
    if (updateStatus !== undefined) await recordUpdate(tx, agent, now);
    at.touched.add(topics.agents);
    // An older stream of it may be elsewhere.
    if (!control.replicas.isAlone) at.touched.add(topics.agent(agentId));
    await takeUpRestored(tx, at, { control, agent, jobs: hello.jobs });
    for (const job of await tx.jobs.ofAgent(agentId)) {
      const event = ids.includes(job.id) ? undefined : withoutAgent(job);
      if (event !== undefined) await advanceJob(tx, at, { job, event });
    }
    return { agent, spent, jobs: await tx.jobs.byIds(ids) };
  });
  const rows = new Map(jobs.map((job) => [job.id, job]));
  warnOfUnknown(control, agent, { jobs: hello.jobs, known: new Set<string>(rows.keys()) });
  const once = [...new Map(hello.jobs.map((held) => [`${held.claim?.jobId}/${held.claim?.epoch}`, held])).values()];
  const decided = await Promise.all(once.map((held) => decide(control, agent, { held, rows })));
  return {
    agent,
    features: knownFeatures(hello.features),
    wayProblem: oneLine(hello.wayProblem),
    spent,
    held: decided.flatMap((entry) => entry.claim ?? []),
    decisions: decided.map((entry) => entry.decision),
  };
}

const connectedNow = (
  agent: Agent,
  { bootId, jobs, engines }: Hello,
  connection: Pick<Agent, "connectedTo" | "replicaId" | "address" | "lastSeenAt">,
): Agent => ({
  ...agent,
  ...connection,
  bootId,
  sessionEpoch: agent.sessionEpoch + 1,
  status: jobs.length > 0 ? "busy" : "idle",
  engines: engines === undefined ? null : enginesOf(engines),
});

/**
 * What becomes of a claim that its agent does not know: an offer never arrived, a plan was given up. An apply may still
 * run.
 */
function withoutAgent({ status, phase }: Job): JobEvent | undefined {
  if (status === "offered") return { kind: "declined" };
  return phase === "plan" ? { kind: "lease_expired" } : undefined;
}

/** Why an agent with this token may only finish what it holds; undefined while the token is good. */
export function whySpent(token: AgentToken, now: Date): string | undefined {
  const standing = standingOf(token, now);
  if (standing === "valid") return undefined;
  return standing === "revoked" ? "the agent token was revoked" : "the agent token has expired";
}

/** A new process of an agent registers first; without a good token it cannot, and is let in like a registration. */
function refuseStranger(control: Control, agent: Agent, hello: Hello, isSpent: boolean): void {
  const isSameDisk = agent.incarnation === hello.incarnation;
  if (isSameDisk && isSpent) refuseClone(control, agent, hello);
  if (isSameDisk && (isSpent || agent.bootId === hello.bootId)) return;
  throw new WindlassError(
    "session_superseded",
    `another process of agent ${agent.name} (${agent.id}) has registered since: register again`,
  );
}

const jobIdOf = (held: HeldJob): JobId | undefined => {
  const id = held.claim?.jobId ?? "";
  return isId("job", id) ? id : undefined;
};

interface Decided {
  readonly claim: HeldClaim | undefined;
  readonly decision: MessageInitShape<typeof ResumeDecisionSchema>;
}

async function decide(
  control: Control,
  agent: Agent,
  { held, rows }: { held: HeldJob; rows: ReadonlyMap<JobId, Job> },
): Promise<Decided> {
  const jobId = jobIdOf(held);
  const epoch = Number(held.claim?.epoch ?? 0n);
  const job = jobId === undefined ? undefined : claimed(rows.get(jobId), { jobId, epoch, agentId: agent.id });
  const claim = { jobId: held.claim?.jobId ?? "", epoch: held.claim?.epoch ?? 0n };
  if (job === undefined) return { claim: undefined, decision: { claim, desired: DesiredState.GONE, sealed: true } };
  const stream = logStreamOf(job);
  const isRunning = job.status === "offered" || job.status === "started";
  const isLate = !job.isLogClosed && isEnded(job.status);
  if (isLate) await control.logs.reopen(stream);
  const state = await control.store.read((q) => q.states.newestOfJob(job.id));
  return {
    claim: isRunning || isLate ? { job, isRunning } : undefined,
    decision: {
      claim,
      desired: wishFor(job, held),
      logNextOffset: BigInt(await control.logs.nextOffset(stream)),
      stateSerial: BigInt(state?.serial ?? 0),
      sealed: isEnded(job.status) && job.isLogClosed,
    },
  };
}
