import { evaluatesEarly, writeVariables } from "../terraform/variables.ts";
import { freshDirectory } from "./durable-files.ts";
import { engineNameOf } from "./engine-name.ts";
import type { Execution } from "./execution.ts";

/** Writes the job's variables outside of the configuration, and answers their files as terraform sees them. */
export async function variableFiles({ job, variables, place }: Execution): Promise<readonly string[]> {
  const { terraform } = await variables;
  const files = await writeVariables(await freshDirectory(job.files.variables), terraform);
  return files.map(place.seen);
}

/** The same for a step in which only OpenTofu evaluates variables; none for terraform. */
export const earlyVariableFiles = async (execution: Execution): Promise<readonly string[]> =>
  evaluatesEarly(engineNameOf(execution.job.spec), execution.ready.engineVersion) ? variableFiles(execution) : [];
