import { join } from "node:path";
import { stat, writeFile } from "../../../lib/fs/at-once.ts";
import { makePrivateDirectory } from "../../disk/durable-files.ts";
import type { AgentJob } from "../../jobs/job.ts";
import type { JobPlace } from "../job-place.ts";
import { cliConfigText, hasCliConfig, type ProviderPlan, providerFiles } from "./job-providers.ts";
import { linkHelper } from "./link-helper.ts";
import { readUsedPackages } from "./package-room.ts";

interface Where {
  readonly job: AgentJob;
  readonly place: JobPlace;
}

/** Writes what terraform reads of where providers come from, before its first step; answers what else it has to see. */
export async function placeProviders(
  { job }: Where,
  providers: ProviderPlan,
): Promise<{ readonly readable: readonly string[] }> {
  const files = providerFiles(job.files.cli);
  await makePrivateDirectory(job.files.cli);
  await writeOnce(files.cliConfig, hasCliConfig(providers) ? cliConfigText(providers) : "");
  await writeOnce(files.authorities, providers.caPem);
  if (providers.helper !== "") await linkHelper(join(job.files.work, "home"), providers.helper);
  return { readable: [...providers.readable, ...(await readUsedPackages(job.files.packages))] };
}

async function writeOnce(path: string, content: string): Promise<void> {
  if (await isThere(path)) return;
  await writeFile(path, content, { mode: 0o400, flag: "wx" });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** How terraform and its providers are told. */
export function providerEnvironment(
  providers: ProviderPlan,
  { seenCli }: JobPlace,
): { readonly cliConfigFile: string; readonly inherited: Readonly<Record<string, string>> } {
  const seen = providerFiles(seenCli);
  const authorities = providers.caPem === "" ? {} : { SSL_CERT_FILE: seen.authorities };
  return { cliConfigFile: seen.cliConfig, inherited: { ...providers.environment, ...authorities } };
}
