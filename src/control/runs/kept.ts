import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Agent, type KeptDirectory, keptKey } from "../../domain/agents/agent.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { KeptDirectory as KeptMessage } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Queries } from "../../store/ports/store.ts";

/** Takes what a heartbeat names; undefined if nothing is new. A wish is over once its directory is not named any more. */
export function withKept(agent: Agent, named: readonly KeptMessage[]): Agent | undefined {
  const keptDirectories = named.map(keptOf);
  const keys = new Set(keptDirectories.map(keptKey));
  const unwantedDirectories = agent.unwantedDirectories.filter((key) => keys.has(key));
  const isSame =
    unwantedDirectories.length === agent.unwantedDirectories.length &&
    JSON.stringify(keptDirectories) === JSON.stringify(agent.keptDirectories);
  return isSame ? undefined : { ...agent, keptDirectories, unwantedDirectories };
}

const keptOf = ({ claim, runId, workspace, reason, path, sizeBytes, keepTime }: KeptMessage): KeptDirectory => ({
  jobId: claim?.jobId ?? "",
  epoch: Number(claim?.epoch ?? 0n),
  runId,
  workspace,
  reason,
  path,
  sizeBytes: Number(sizeBytes),
  keptAtMs: keepTime === undefined ? 0 : timestampMs(keepTime),
});

/** The claims whose directories an agent is to remove. */
export const unwantedClaims = ({ keptDirectories, unwantedDirectories }: Agent) =>
  keptDirectories
    .filter((kept) => unwantedDirectories.includes(keptKey(kept)))
    .map(({ jobId, epoch }) => ({ jobId, epoch: BigInt(epoch) }));

/** A kept directory, where it is, and whether it is on its way out. */
export interface KeptView {
  readonly kept: KeptDirectory;
  readonly agent: Pick<Agent, "id" | "name">;
  readonly isUnwanted: boolean;
}

/** The directories that an agent keeps. */
export const keptOfAgent = (agent: Agent): readonly KeptView[] =>
  agent.keptDirectories.map((kept) => ({
    kept,
    agent,
    isUnwanted: agent.unwantedDirectories.includes(keptKey(kept)),
  }));

/** A run is one message, and a directory has long texts. */
const maxKeptShown = 20;

/** The directories of a run's jobs that stay on agents. Only its own agents are asked: others could say anything. */
export async function keptOfRun(q: Queries, { id, status }: Run): Promise<readonly KeptView[]> {
  if (status !== "errored" && status !== "canceled" && status !== "force_canceled") return [];
  const jobs = await q.jobs.ofRun(id);
  const ids = [...new Set(jobs.flatMap(({ agentId }) => agentId ?? []))];
  if (ids.length === 0) return [];
  const views = (await q.agents.byIds(ids)).flatMap(keptOfAgent);
  const ofRun = views.filter(({ kept, agent }) =>
    jobs.some((job) => job.id === kept.jobId && job.agentId === agent.id),
  );
  return ofRun.slice(0, maxKeptShown);
}
