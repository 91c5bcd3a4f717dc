import type { ToldAgent, ToldProgress } from "../../domain/runs/told-agent.ts";
import { DesiredState } from "../../gen/windlass/agent/v1/job_pb.ts";
import { keysOf } from "../../lib/values/records.ts";
import { isId, type JobId } from "../../lib/words/ids.ts";
import type { PresenceRow } from "../../store/ports/replicas.ts";
import type { Arrival, ConnectedAgent, ElsewhereAgent, JobProgress, Presence } from "../core/presence.ts";

/** Free room of a disk is told when it is another one by more than this: else each heartbeat would be news. */
const roomStep = 2n ** 30n;

const asRecord = <Value>(map: ReadonlyMap<string, Value>): Readonly<Record<string, Value>> => Object.fromEntries(map);

/** What the others are told of an agent that is connected here. */
export function toldOf(presence: Presence, connected: ConnectedAgent): ToldAgent {
  const { agentId, name, version, poolId, bootId, concurrency, labels, engines } = connected;
  const { takesJobs, refusal, way } = connected;
  return {
    isArriving: false,
    ...{ name, version, poolId, bootId, concurrency, labels, engines, takesJobs, refusal },
    features: [...connected.features],
    unmet: asRecord(connected.unmet),
    jobs: asRecord(connected.jobs),
    wayProblem: way.problem,
    declined: declinedOf(presence, connected),
    freeDiskBytes: String((connected.freeDiskBytes / roomStep) * roomStep),
    progress: asRecord(presence.progressesOf(agentId)),
  };
}

function declinedOf(presence: Presence, connected: ConnectedAgent): Readonly<Record<JobId, string>> {
  const ids = presence.declinesOf(connected.agentId)?.jobIds ?? [];
  return Object.fromEntries(
    ids.flatMap((id) => {
      const why = connected.whyDeclined(id);
      return why === undefined ? [] : [[id, why] as const];
    }),
  );
}

const noAgent = {
  ...{ version: "", bootId: "", concurrency: 0, labels: {}, engines: null, features: [], unmet: {}, jobs: {} },
  ...{ takesJobs: false, refusal: "", declined: {}, freeDiskBytes: "0", progress: {} },
} as const satisfies Partial<ToldAgent>;

/** The same of one that has registered here, and has no stream. */
export const toldArrival = ({ name, poolId, wayProblem }: Arrival): ToldAgent => ({
  ...noAgent,
  isArriving: true,
  ...{ name, poolId, wayProblem },
});

/** What a row of another process tells; undefined if the agent has left. */
export function elsewhereOf({ agentId, sessionEpoch, facts }: PresenceRow): ElsewhereAgent | undefined {
  if (facts === null) return undefined;
  const { name, poolId, wayProblem } = facts;
  if (facts.isArriving) return { kind: "arriving", arrival: { agentId, name, poolId, wayProblem } };
  const { version, bootId, concurrency, labels, engines, takesJobs, refusal, declined } = facts;
  const present = {
    ...{ agentId, name, version, poolId, bootId, sessionEpoch, concurrency, labels, engines, takesJobs, refusal },
    features: new Set(facts.features),
    unmet: new Map(Object.entries(facts.unmet)),
    jobs: new Map(jobIdsOf(facts.jobs).map((id) => [id, facts.jobs[id] ?? 0])),
    way: { problem: wayProblem, handsOver: false },
    whyDeclined: (id: JobId) => declined[id],
    freeDiskBytes: BigInt(facts.freeDiskBytes),
  };
  const progress = new Map(Object.entries(facts.progress).map(([id, one]) => [id, progressOf(one)]));
  return { kind: "connected", present, progress, declined: new Set(jobIdsOf(declined)) };
}

const jobIdsOf = (record: Readonly<Record<JobId, unknown>>): readonly JobId[] =>
  keysOf(record).filter((id) => isId("job", id));

const desires = [DesiredState.RUN, DesiredState.CANCEL, DesiredState.FORCE, DesiredState.GONE];

const progressOf = (told: ToldProgress): JobProgress => ({
  ...told,
  desired: desires.find((one) => one === told.desired) ?? DesiredState.UNSPECIFIED,
});
