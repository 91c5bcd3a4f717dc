import { isMatch } from "../domain/agent.ts";
import type { JobPhase } from "../domain/job.ts";
import { type LabelCondition, labelsText, readSelector } from "../domain/label-selector.ts";
import type { AgentFacts } from "../domain/waiting.ts";
import type { Workspace } from "../domain/workspace.ts";
import type { Control } from "./control.ts";
import { invalid } from "./invalid.ts";

/** The conditions of a selector that somebody wrote into `field`; refuses one that cannot be read, naming the part. */
export function demandSelector(field: string, text: string): readonly LabelCondition[] {
  const reading = readSelector(text);
  if (reading.kind === "read") return reading.conditions;
  throw invalid(
    field,
    `expected a label selector such as zone=a,gpu: the part ${JSON.stringify(reading.part)} ${reading.why}`,
  );
}

type Choosy = Pick<Workspace, "poolId" | "agentSelector">;

/** Met by no agent: each has a name. */
const nobody: readonly LabelCondition[] = [{ kind: "absent", key: "name" }];

/** What a workspace wants of its agents. The server agent is not chosen; a selector that cannot be read is met by nobody. */
export function conditionsOf({ poolId, agentSelector }: Choosy): readonly LabelCondition[] {
  if (poolId === null) return [];
  const reading = readSelector(agentSelector);
  return reading.kind === "read" ? reading.conditions : nobody;
}

/** How many agents that do not match a sentence names. */
const mostOthers = 5;

/** The connected agents of a workspace's pool, as a job of a phase sees them. */
export function agentFacts({ presence }: Control, workspace: Choosy, phase: JobPhase): AgentFacts {
  const conditions = conditionsOf(workspace);
  const seats = presence.all().filter((seat) => seat.poolId === workspace.poolId);
  const matching = seats.filter((seat) => isMatch(seat.labels, phase, conditions));
  const open = matching.filter((seat) => seat.takesJobs);
  const others = seats.filter((seat) => !matching.includes(seat));
  return {
    online: seats.length,
    matching: matching.length,
    open: open.length,
    free: open.filter((seat) => seat.jobs.size < seat.concurrency).length,
    others: others
      .slice(0, mostOthers)
      .map(({ name, labels: { name: _, ...labels } }) => `${name} (${labelsText(labels)})`),
  };
}
