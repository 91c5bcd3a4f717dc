import { writeDurably } from "../../disk/durable-files.ts";
import type { Job } from "../../jobs/job.ts";
import type { Site } from "../house.ts";
import { composeProviders, type JobProviders, noProviders, providersToJson, readProviders } from "./job-providers.ts";

/**
 * Finds out where the providers of a granted job come from, once in its life: what was found first counts, so that the log that is
 * made after a restart hides the same values. Rejects with what a person has to repair.
 */
export async function fetchProviders(job: Job, site: Site): Promise<JobProviders> {
  const known = await readProviders(job.files.providers);
  if (known !== undefined) return known;
  // A step that was started without them, by an older agent, goes on without them.
  if (job.journal.has("step_started")) return noProviders;
  const sources = await site.providerSources(job, site.stopping);
  const { config, sandbox } = site;
  const found = await composeProviders({ config, sources, isSandboxed: sandbox.kind !== "none" });
  await writeDurably(job.files.providers, providersToJson(found));
  return found;
}
