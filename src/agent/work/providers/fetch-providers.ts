import { writeWhole } from "../../../lib/fs/durable.ts";
import type { AgentJob } from "../../jobs/job.ts";
import type { JobContext } from "../services.ts";
import { composeProviders, noProviders, type ProviderPlan, providersToJson, readProviders } from "./job-providers.ts";

/**
 * Finds out where the providers of a granted job come from, once in its life: what was found first counts, so that the
 * log that is made after a restart hides the same values. The first step makes it survive the machine. Rejects with what a person has to repair.
 */
export async function fetchProviders(job: AgentJob, context: JobContext): Promise<ProviderPlan> {
  const known = await readProviders(job.files.providers);
  if (known !== undefined) return known;
  // A step that was started without them, by an older agent, goes on without them.
  if (job.journal.has("step_started")) return noProviders;
  const sources = await context.providerSources(job, context.stopping);
  const { config, sandbox } = context;
  const found = await composeProviders({ config, sources, isSandboxed: sandbox.kind !== "none" });
  await writeWhole(job.files.providers, providersToJson(found));
  return found;
}
