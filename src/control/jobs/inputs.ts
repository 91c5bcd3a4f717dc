import type { Principal } from "../../domain/people/principal.ts";
import type { Run, RunVariable } from "../../domain/runs/run.ts";
import { type EffectiveVariable, effectiveVariables } from "../../domain/workspaces/effective-variables.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control, Secret } from "../core/control.ts";
import { demandDeliverable, openValue, readSources } from "../workspaces/effective-variables.ts";
import { secretsOf } from "../workspaces/former-secrets.ts";
import { openScope, type Scope } from "./artifacts.ts";

/** A variable as a job gets it, in clear. */
export interface JobVariable {
  readonly key: string;
  readonly value: string;
  readonly isEnvironment: boolean;
  readonly isHcl: boolean;
  readonly isSensitive: boolean;
}

/** What a started job gets. */
export interface JobVariables {
  readonly variables: readonly JobVariable[];
  /**
   * Values of sensitive variables that it does not get, and what they were before: they must not be seen in its log
   * either.
   */
  readonly hidden: readonly string[];
}

/** Beside the variables in one message of at most 4 MiB. */
const maxHiddenBytes = 512 * 1024;

/**
 * The variables of a started job: those of priority sets, below them the run's own, below them the workspace's, below them those of
 * its other variable sets. One
 * that was lost gets them too, as long as its log is awaited: an agent that was started again hides the rest of a log
 * of which it does not know the secrets.
 */
export async function variablesOfJob(control: Control, who: Principal): Promise<JobVariables> {
  const found = control.store.read(async (q) => readVariables(control, q, await startedScope(q, who, "variables")));
  return openVariables(control, await found);
}

/** What the variables of a job are made of. */
export interface StoredVariables {
  readonly run: Run;
  readonly effective: readonly EffectiveVariable[];
  readonly secrets: readonly Secret[];
}

export async function readVariables(control: Control, q: Queries, { run, workspace }: Scope): Promise<StoredVariables> {
  const sources = await readSources(q, workspace);
  const secrets = await secretsOf(control, q, { workspaceId: workspace.id, sources });
  return { run, effective: effectiveVariables(sources), secrets };
}

export function openVariables(control: Control, { run, effective, secrets }: StoredVariables): JobVariables {
  const { variables } = run.options;
  const { rest, own } = mergeOwn(variables, effective);
  demandDeliverable(rest, Buffer.byteLength(JSON.stringify(own)));
  const inherited = rest.map((one): JobVariable => {
    const { key, category, isHcl, isSensitive } = one.variable;
    return { key, value: openValue(control, one), isEnvironment: category === "env", isHcl, isSensitive };
  });
  const fromRun = own.map(({ key, value, isHcl }) => ({
    key,
    value,
    isHcl,
    isEnvironment: false,
    isSensitive: false,
  }));
  const given = [...fromRun, ...inherited].toSorted(
    (a, b) => Number(a.isEnvironment) - Number(b.isEnvironment) || (a.key < b.key ? -1 : 1),
  );
  return { variables: given, hidden: hiddenBeside(given, secrets) };
}

/** What a run gets of its own variables, and of those that it would get without them: priority sets win over a run. */
function mergeOwn(variables: readonly RunVariable[], effective: readonly EffectiveVariable[]) {
  const ofRun = new Set(variables.map(({ key }) => key));
  const isHidden = ({ set, variable: { category, key } }: EffectiveVariable) =>
    category === "terraform" && ofRun.has(key) && set?.isPriority !== true;
  const rest = effective.filter((one) => !isHidden(one));
  const taken = new Set(rest.flatMap(({ variable: { category, key } }) => (category === "terraform" ? [key] : [])));
  return { rest, own: variables.filter(({ key }) => !taken.has(key)) };
}

/** Secrets that a job does not get and that may stand in its state, as many as there is room for, the shortest first. */
function hiddenBeside(given: readonly JobVariable[], secrets: readonly Secret[]): readonly string[] {
  const known = new Set(given.filter(({ isSensitive }) => isSensitive).map(({ value }) => value));
  const rest = secrets.map(({ value }) => value).filter((value) => !known.has(value));
  let bytes = 0;
  return rest
    .toSorted((a, b) => a.length - b.length)
    .filter((value) => {
      bytes += Buffer.byteLength(value);
      return bytes <= maxHiddenBytes;
    });
}

/** The scope of a job that was allowed to start, for secrets. */
export async function startedScope(
  q: Queries,
  who: Principal,
  what: "variables" | "shared states" | "providers",
): Promise<Scope> {
  const scope = await openScope(q, who);
  if (scope.job.startedAt !== null) return scope;
  const message = `job ${scope.job.id} has not been started: its ${what} are not given out`;
  throw new WindlassError("permission_denied", message, { metadata: { action: what } });
}
