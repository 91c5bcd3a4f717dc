import { parseVersionConstraint } from "../../lib/words/version-constraint.ts";
import type { AgentEngines } from "../agents/agent.ts";
import type { Engine, Workspace } from "../workspaces/workspace.ts";
import type { Job } from "./job.ts";
import type { RunOptions } from "./run.ts";

/** What a job asks for. */
export interface EngineRequirement {
  readonly engine: Engine;
  /** In terraform's syntax; empty is any version. */
  readonly constraint: string;
  /** Exact version of the program that made the plan; empty unless that alone may do the job. */
  readonly planVersion: string;
}

/** A plan is applied by the program that made it, which its job names; until there is a plan the workspace decides. */
export const engineRequirementOf = (
  { phase, engine, engineVersion }: Pick<Job, "phase" | "engine" | "engineVersion">,
  workspace: Pick<Workspace, "engine" | "engineVersion">,
): EngineRequirement => ({
  engine: engine ?? workspace.engine,
  constraint: engineVersion === "" ? workspace.engineVersion : engineVersion,
  planVersion: phase === "apply" ? engineVersion : "",
});

/** How an agent can do a job: with a program that it has, or that it may download; `unknown` if it does not say. */
export type EngineFit = "has" | "may-download" | "unknown" | "lacks";

/** Whether an agent can have what a job asks for. A constraint that cannot be read is told by whoever gets the job. */
export function engineFit(engines: AgentEngines | null, { engine, constraint }: EngineRequirement): EngineFit {
  if (engines === null) return "unknown";
  const parsed = parseVersionConstraint(constraint);
  const ofEngine = engines.programs.filter((program) => program.engine === engine);
  if (ofEngine.some(({ version }) => parsed === undefined || parsed.allows(version))) return "has";
  return engines.downloads.some((download) => download.engine === engine) ? "may-download" : "lacks";
}

/** True when of the two programs only OpenTofu is here: what agents could download says nothing of what their owner uses. */
export function isTofuAlone(agents: ReadonlyArray<AgentEngines | null>): boolean {
  const found = new Set(agents.flatMap((engines) => engines?.programs.map(({ engine }) => engine) ?? []));
  return found.has("tofu") && !found.has("terraform") && !agents.includes(null);
}

/** `tofu ~> 1.12`, `tofu`. */
export const requirementText = ({ engine, constraint }: Pick<EngineRequirement, "engine" | "constraint">): string =>
  constraint === "" ? engine : `${engine} ${constraint}`;

/** How many programs of an agent a sentence names. */
const mostNamed = 6;

/** `terraform 1.11.4, tofu 1.12.6`, `neither terraform nor tofu`. */
export function enginesText({ programs, downloads }: AgentEngines): string {
  const named = programs.slice(0, mostNamed).map(({ engine, version }) => `${engine} ${version}`);
  const more = programs.length > mostNamed ? [`${programs.length - mostNamed} more`] : [];
  const has = named.length === 0 ? "neither terraform nor tofu" : [...named, ...more].join(", ");
  return downloads.length === 0 ? has : `${has}, downloads ${downloads.map(({ engine }) => engine).join(" and ")}`;
}

/** An option of a run that its program does not take. */
export interface OptionProblem {
  /** Name of the field. */
  readonly option: "excludes" | "suppress_forget_errors";
  /** True if the other program takes it. */
  readonly isOfEngine: boolean;
  readonly why: string;
}

type EngineOptions = Pick<RunOptions, "excludes" | "suppressesForgetErrors" | "targets" | "isDestroy">;

/** What only OpenTofu can do is refused for terraform, and for OpenTofu what it would refuse or what would do nothing. */
export function optionProblem(options: EngineOptions, engine: Engine): OptionProblem | undefined {
  const { excludes = [], suppressesForgetErrors = false, targets, isDestroy } = options;
  const refuse = (option: OptionProblem["option"], isOfEngine: boolean, why: string) => ({ option, isOfEngine, why });
  const only = (flag: string) => `only OpenTofu has ${flag}. Leave it out, or set the workspace's engine to tofu`;
  const isTerraform = engine === "terraform";
  if (excludes.length > 0) {
    if (isTerraform) return refuse("excludes", true, only("-exclude"));
    if (targets.length > 0) return refuse("excludes", false, "a plan takes targets or excludes: leave one of them out");
  }
  if (!suppressesForgetErrors) return undefined;
  if (isTerraform) return refuse("suppress_forget_errors", true, only("-suppress-forget-errors"));
  if (isDestroy) return undefined;
  return refuse("suppress_forget_errors", false, "only a destroy run fails because of what it forgets: leave it out");
}
