import { evaluatesEarly, writeVariables } from "../../terraform/configuration/variables.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { freshDirectory } from "../disk/durable-files.ts";
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
