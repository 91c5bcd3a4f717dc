import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Agent } from "../../gen/windlass/v1/agent_pb.ts";
import {
  type AgentPool,
  type AgentPoolCounts,
  type AgentPoolMinute,
  AgentUpdateMode,
  type QueuedJob,
} from "../../gen/windlass/v1/agent_pool_pb.ts";
import type { GetAgentPoolHistoryResponse } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { RunPhase, RunPriority, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { freeDiskText } from "../agent/view.ts";
import type { Context } from "../server/context.ts";
import { ageText, durationText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

/** `pool/prod`. */
export const poolName = ({ name }: AgentPool): string => `pool/${name}`;

/** `3 idle, 1 busy`, or `none online`. */
export function agentsText({ counts }: AgentPool): string {
  const parts = [
    [counts?.idleAgents ?? 0, "idle"],
    [counts?.busyAgents ?? 0, "busy"],
    [counts?.unknownAgents ?? 0, "silent"],
    [counts?.erroredAgents ?? 0, "lost"],
  ].filter(([count]) => count !== 0);
  return parts.length === 0 ? "none online" : parts.map(([count, word]) => `${count} ${word}`).join(", ");
}

/** True if no agent of the pool is connected. */
export const isWithoutAgents = ({ counts }: AgentPool): boolean =>
  (counts?.idleAgents ?? 0) + (counts?.busyAgents ?? 0) === 0;

const grantsText = ({ organizationScoped, grantedWorkspaces }: AgentPool): string =>
  organizationScoped ? "all" : String(grantedWorkspaces.length);

export const poolColumns: readonly Column<AgentPool>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "AGENTS", value: agentsText },
  { name: "QUEUED", value: ({ counts }) => String(counts?.queuedJobs ?? 0) },
  { name: "OLDEST WAIT", drop: 3, value: ({ counts }) => durationText(counts?.oldestWait) },
  { name: "GRANTED", drop: 1, value: grantsText },
  { name: "ASSIGNED", drop: 2, value: ({ assignedWorkspaces }) => String(assignedWorkspaces.length) },
  { name: "RUNNING", isWide: true, value: ({ counts }) => String(counts?.runningJobs ?? 0) },
  { name: "AGE", isWide: true, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "DESCRIPTION", isWide: true, value: ({ description }) => description },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** `patch, to 1.4.2, at any time; 1 canary, then 20 % at once`. */
export function updateText({ update }: AgentPool): string {
  if (update === undefined) return "off";
  const { mode, targetVersion, newestVersion, window, canary, maxInFlightPercent, hold, halt } = update;
  const there = newestVersion === "" ? "the server has no agent versions" : `the newest version is ${newestVersion}`;
  if (mode === AgentUpdateMode.UNSPECIFIED || mode === AgentUpdateMode.OFF) return `off; ${there}`;
  const parts = [
    `${enumText(AgentUpdateMode, mode)}, to ${targetVersion || "the newest"}, ${window || "at any time"}`,
    `${canary} ${canary === 1 ? "canary" : "canaries"}, then ${maxInFlightPercent} % at once`,
    there,
    ...(hold === "" ? [] : [`held: ${hold}`]),
    ...(halt === "" ? [] : [`halted: ${halt}`]),
  ];
  return parts.join("; ");
}

interface PoolFacts {
  readonly agents?: readonly Agent[];
  readonly history?: GetAgentPoolHistoryResponse | undefined;
}

/** `12 jobs started, which had waited 3s (half of them) and 1m 2s (95 of 100); at most 4 queued and 2 running at once`. */
export function historyText({ startedJobs, waitP50, waitP95, minutes }: GetAgentPoolHistoryResponse): string {
  const most = (of: (minute: AgentPoolMinute) => number) => Math.max(0, ...minutes.map(of));
  const [queued, running] = [most(({ queuedJobs }) => queuedJobs), most(({ runningJobs }) => runningJobs)];
  if (startedJobs === 0 && queued === 0 && running === 0) return "not used";
  const waits =
    startedJobs === 0
      ? ""
      : `, half of them after at most ${waitText(waitP50)} and 95 of 100 after ${waitText(waitP95)}`;
  return `${counted(startedJobs, "job")} started${waits}; at most ${queued} queued and ${running} running at once`;
}

const waitText = (wait: Duration | undefined): string => durationText(wait) || "0s";

/** A pool for a person. */
export const poolLines = (pool: AgentPool, { agents = [], history }: PoolFacts = {}): readonly string[] =>
  detailLines([
    ["Name", pool.name],
    ["Id", pool.id],
    ["Organization", pool.organization],
    ["Description", pool.description],
    ["Agents", [agentsText(pool), ...asideText(pool.counts)].join(", ")],
    ["Capacity", counted(pool.counts?.capacity ?? 0, "job")],
    ["Least free disk", leastFreeDisk(agents)],
    ["Jobs", `${pool.counts?.queuedJobs ?? 0} queued, ${pool.counts?.runningJobs ?? 0} running`],
    ["Oldest wait", durationText(pool.counts?.oldestWait)],
    ["Last hour", history === undefined ? "" : historyText(history)],
    [
      "May be used by",
      pool.organizationScoped ? "every workspace" : pool.grantedWorkspaces.join(", ") || "no workspace",
    ],
    ["Updates", pool.update === undefined ? "" : updateText(pool)],
    ["Assigned to", pool.assignedWorkspaces.join(", ") || "no workspace"],
    ["Created", timeText(pool.createTime)],
    ["Changed", timeText(pool.updateTime)],
  ]);

/** `30 MiB, on agent vm-7`; empty if no agent has said. */
function leastFreeDisk(agents: readonly Agent[]): string {
  const [least] = agents
    .filter(({ freeDiskBytes }) => freeDiskBytes > 0n)
    .toSorted((a, b) => (a.freeDiskBytes < b.freeDiskBytes ? -1 : 1));
  return least === undefined ? "" : `${freeDiskText(least)}, on agent ${least.name}`;
}

/** `1 of them paused`: connected agents that take nothing new. */
const asideText = (counts: AgentPoolCounts | undefined): readonly string[] =>
  [[counts?.pausedAgents ?? 0, "paused"] as const, [counts?.drainingAgents ?? 0, "draining"] as const].flatMap(
    ([count, word]) => (count === 0 ? [] : [`${count} of them ${word}`]),
  );

/** The counts of a pool for a person. */
export const countLines = (counts: AgentPoolCounts): readonly string[] =>
  detailLines([
    ["Idle agents", String(counts.idleAgents)],
    ["Busy agents", String(counts.busyAgents)],
    ["Of these paused", String(counts.pausedAgents)],
    ["Of these draining", String(counts.drainingAgents)],
    ["Silent agents", String(counts.unknownAgents)],
    ["Lost agents", String(counts.erroredAgents)],
    ["Capacity", counted(counts.capacity, "job")],
    ["Running jobs", String(counts.runningJobs)],
    ["Queued jobs", String(counts.queuedJobs)],
    ["Oldest wait", durationText(counts.oldestWait)],
  ]);

/** `job/job_…`. */
export const queuedJobName = ({ jobId }: QueuedJob): string => `job/${jobId}`;

export const queueColumns: readonly Column<QueuedJob>[] = [
  { name: "#", value: ({ queuePosition }) => String(queuePosition) },
  { name: "RUN", value: ({ runId }) => runId },
  { name: "WORKSPACE", value: ({ workspace }) => workspace },
  { name: "PHASE", drop: 4, value: ({ phase }) => enumText(RunPhase, phase) },
  { name: "PRIORITY", drop: 1, value: ({ priority }) => enumText(RunPriority, priority) },
  { name: "WAITS", drop: 2, value: ({ queueTime }, now) => ageText(queueTime, now) },
  { name: "REASON", value: ({ reason }) => enumText(WaitingReason, reason) },
  { name: "DETAIL", drop: 3, value: ({ detail }) => detail },
  { name: "JOB", isWide: true, value: ({ jobId }) => jobId },
];

/** Says which of the pools have waiting jobs or workspaces and nobody to work for them. */
export function warnOfEmptyPools(context: Context, pools: readonly AgentPool[]): void {
  for (const pool of pools.filter(isWithoutAgents)) {
    const queued = pool.counts?.queuedJobs ?? 0;
    const assigned = pool.assignedWorkspaces.length;
    if (queued === 0 && assigned === 0) continue;
    const need = queued === 0 ? `for ${counted(assigned, "workspace")}` : `and ${counted(queued, "job")} in its queue`;
    context.notes.warn(`pool ${pool.name}: no agent is online ${need}`);
    const command = context.command(`token create --pool ${pool.name} --name HOST`);
    context.notes.next([{ label: "Admit agents", command }]);
  }
}
