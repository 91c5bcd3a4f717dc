import { type Check, ok, warn } from "../../lib/checks/check.ts";
import { type EngineName, engineNames, findEngine, localPrograms } from "../../terraform/engines/engine.ts";
import type { AgentConfig } from "../contract/config.ts";

type Places = Pick<AgentConfig, "enginePaths" | "searchPath" | "engineDownloads">;

/** Which of the two programs an agent has, and whether it may get others. */
export async function checkEngine({ enginePaths = [], searchPath, engineDownloads }: Places): Promise<Check> {
  const found: string[] = [];
  const missing: string[] = [];
  for (const engine of engineNames) {
    const answer = await findEngine({ engine, versionConstraint: "", path: searchPath, enginePaths });
    if (answer.kind === "found") found.push(`${engine} ${answer.version} at ${answer.file}`);
    else missing.push(answer.message);
  }
  if (found.length > 0) return ok("engine", found.join("; "));
  if (engineDownloads !== undefined) return ok("engine", "neither terraform nor tofu is here: both are downloaded");
  return warn("engine", missing.join("; "), "install terraform or tofu, give --engine-path, or allow downloads");
}

/** The engine of who has only one of them; terraform for who has both, or none yet. */
export async function engineHere({ enginePaths = [], searchPath: path }: Places): Promise<EngineName> {
  const isHere = async (engine: EngineName) => (await localPrograms(engine, { enginePaths, path })).programs.length > 0;
  return !(await isHere("terraform")) && (await isHere("tofu")) ? "tofu" : "terraform";
}
