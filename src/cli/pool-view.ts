import type { AgentPool } from "../gen/windlass/v1/agent_pool_pb.ts";
import { ageText, durationText, timeText } from "./ages.ts";
import type { Context } from "./context.ts";
import { type Column, detailLines } from "./table.ts";
import { counted } from "./words.ts";

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
  { name: "OLDEST WAIT", value: ({ counts }) => durationText(counts?.oldestWait) },
  { name: "GRANTED", value: grantsText },
  { name: "ASSIGNED", value: ({ assignedWorkspaces }) => String(assignedWorkspaces.length) },
  { name: "RUNNING", isWide: true, value: ({ counts }) => String(counts?.runningJobs ?? 0) },
  { name: "AGE", isWide: true, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "DESCRIPTION", isWide: true, value: ({ description }) => description },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** A pool for a person. */
export const poolLines = (pool: AgentPool): readonly string[] =>
  detailLines([
    ["Name", pool.name],
    ["Id", pool.id],
    ["Organization", pool.organization],
    ["Description", pool.description],
    ["Agents", agentsText(pool)],
    ["Jobs", `${pool.counts?.queuedJobs ?? 0} queued, ${pool.counts?.runningJobs ?? 0} running`],
    ["Oldest wait", durationText(pool.counts?.oldestWait)],
    [
      "May be used by",
      pool.organizationScoped ? "every workspace" : pool.grantedWorkspaces.join(", ") || "no workspace",
    ],
    ["Assigned to", pool.assignedWorkspaces.join(", ") || "no workspace"],
    ["Created", timeText(pool.createTime)],
    ["Changed", timeText(pool.updateTime)],
  ]);

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
