import { type LabelCondition, labelsText, readSelector } from "../../domain/agents/label-selector.ts";
import { Fits, isMatch, mayHave } from "../../domain/runs/dispatch.ts";
import { type EngineRequirement, engineRequirementOf, enginesText, requirementText } from "../../domain/runs/engine.ts";
import type { Job } from "../../domain/runs/job.ts";
import { featuresOf, featuresText, knowsAll } from "../../domain/runs/job-features.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { AgentFacts } from "../../domain/runs/waiting.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { JobId } from "../../lib/words/ids.ts";
import type { Control } from "./control.ts";
import { arrivalText, type PresentAgent } from "./presence.ts";
import { invalid } from "./refusals.ts";

/** The conditions of a selector that somebody wrote into `field`; refuses one that cannot be read, naming the part. */
export function demandSelector(field: string, text: string): readonly LabelCondition[] {
  const reading = readSelector(text);
  if (reading.kind === "read") return reading.conditions;
  throw invalid(
    field,
    `expected a label selector such as zone=a,gpu: the part ${JSON.stringify(reading.part)} ${reading.why}`,
  );
}

type Choosy = Pick<Workspace, "poolId" | "agentSelector" | "engine" | "engineVersion">;

/** What waits for an agent: a job, or what will be one, of a run with these options. */
interface Asking extends Pick<Job, "phase" | "engine" | "engineVersion"> {
  readonly options: Run["options"];
  /** Of the job, if there is one. */
  readonly id?: JobId | undefined;
}

/** Met by no agent: each has a name. */
const nobody: readonly LabelCondition[] = [{ kind: "absent", key: "name" }];

/** What a workspace wants of its agents. The server agent is not chosen; a selector that cannot be read is met by nobody. */
export function conditionsOf({
  poolId,
  agentSelector,
}: Pick<Choosy, "poolId" | "agentSelector">): readonly LabelCondition[] {
  if (poolId === null) return [];
  const reading = readSelector(agentSelector);
  return reading.kind === "read" ? reading.conditions : nobody;
}

/** How many agents that do not match a sentence names. */
const mostOthers = 5;
/** How many that take no jobs. */
const mostRefusals = 3;

/** The connected agents of a workspace's pool, as a job of a phase sees them. */
export function agentFacts(
  { presence, clock }: Pick<Control, "presence" | "clock">,
  workspace: Choosy,
  asking: Asking,
): AgentFacts {
  const conditions = conditionsOf(workspace);
  const wish = engineRequirementOf(asking, workspace);
  const needs = featuresOf(asking.options, asking.phase);
  const connectedAgents = presence.everywhereInPool(workspace.poolId);
  const matching = connectedAgents.filter(({ labels }) => isMatch(labels, asking.phase, conditions));
  const able = needs.length === 0 ? matching : matching.filter(({ features }) => knowsAll(features, needs));
  const fit = new Fits().among(wish, able);
  const { open, free, refusals } = readiness(fit, asking);
  return {
    arriving: presence
      .arrivals(clock.monotonicMs())
      .filter(({ poolId }) => poolId === workspace.poolId)
      .slice(0, mostRefusals)
      .map((arrival) => `agent ${arrival.name} ${arrivalText(arrival)}`),
    online: connectedAgents.length,
    matching: matching.length,
    able: able.length,
    fit: fit.length,
    ...{ open, free, refusals },
    others: without(connectedAgents, matching).slice(0, mostOthers).map(labelsOfAgent),
    wish: wish.planVersion === "" ? requirementText(wish) : `${requirementText(wish)}, which made the plan`,
    unfit: without(able, fit)
      .slice(0, mostOthers)
      .map((connected) => unfitText(connected, wish)),
    options: featuresText(needs),
    unable: without(matching, able)
      .slice(0, mostOthers)
      .map(({ name, version }) => `${name} (${version})`),
  };
}

/** How many of the agents take jobs, how many have room for this one, and what the first say that take none. */
function readiness(fit: readonly PresentAgent[], asking: Asking): Pick<AgentFacts, "open" | "free" | "refusals"> {
  let [open, free] = [0, 0];
  const refusals: string[] = [];
  for (const connected of fit) {
    const { takesJobs } = connected;
    if (takesJobs) open++;
    if (takesJobs && connected.jobs.size < connected.concurrency && !hasDeclined(connected, asking)) free++;
    if (refusals.length === mostRefusals) continue;
    const { name, refusal } = connected;
    if (refusal !== "") refusals.push(`agent ${name} declined: ${refusal}`);
  }
  return { open, free, refusals };
}

/** Those of them that are not among some of them. Mostly all are, however many there are. */
function without(all: readonly PresentAgent[], some: readonly PresentAgent[]): readonly PresentAgent[] {
  if (some.length === all.length) return [];
  const left = new Set(some);
  return all.filter((connected) => !left.has(connected));
}

const hasDeclined = (connected: PresentAgent, { id }: Asking): boolean =>
  id !== undefined && connected.whyDeclined(id) !== undefined;

function labelsOfAgent({ name, labels: { name: _, ...rest } }: PresentAgent): string {
  return `${name} (${labelsText(rest)})`;
}

/** `vm-1 has terraform 1.11.4`; and why it could not have what it says that it can. */
function unfitText({ name, engines, unmet }: PresentAgent, wish: EngineRequirement): string {
  const why = unmet.get(requirementText(wish));
  const has = `${name} has ${engines === null ? "not said what it has" : enginesText(engines)}`;
  return why === undefined ? has : `${has} (${why})`;
}

export type FactsOf = (workspace: Choosy, asking: Asking) => AgentFacts;

/** What counts where an agent has room that may take it: it waits for nobody, whoever else is there. */
const someFree: AgentFacts = {
  ...{ online: 1, matching: 1, able: 1, fit: 1, open: 1, free: 1 },
  ...{ arriving: [], refusals: [], others: [], wish: "", unfit: [], options: "", unable: [] },
};

/** Whether one has room here that may take it: mostly the first that is looked at. */
function isSomeFree({ presence }: Pick<Control, "presence">, workspace: Choosy, asking: Asking): boolean {
  const wish = engineRequirementOf(asking, workspace);
  const asked = {
    ...{ phase: asking.phase, conditions: conditionsOf(workspace), wish },
    needs: featuresOf(asking.options, asking.phase),
  };
  const [fits, text] = [new Fits(), requirementText(wish)];
  for (const connected of presence.inPool(workspace.poolId)) {
    const hasRoom = connected.jobs.size < connected.concurrency && connected.takesJobs;
    if (!hasRoom || connected.unmet.has(text) || hasDeclined(connected, asking)) continue;
    if (mayHave(connected, asked, fits)) return true;
  }
  return false;
}

/** The same for many workspaces: those that want the same are looked up once. How many could take it is not counted. */
export function rememberedFacts(control: Pick<Control, "presence" | "clock">): FactsOf {
  const known = new Map<string, AgentFacts>();
  const look = (workspace: Choosy, asking: Asking) =>
    isSomeFree(control, workspace, asking) ? someFree : agentFacts(control, workspace, asking);
  return (workspace, asking) => {
    const { engine, constraint, planVersion } = engineRequirementOf(asking, workspace);
    const wanted = [asking.phase, workspace.agentSelector, engine, constraint, planVersion];
    if (asking.id !== undefined && control.presence.isDeclined(asking.id)) return look(workspace, asking);
    const key = JSON.stringify([workspace.poolId, ...wanted, ...featuresOf(asking.options, asking.phase)]);
    const facts = known.get(key) ?? look(workspace, asking);
    known.set(key, facts);
    return facts;
  };
}
