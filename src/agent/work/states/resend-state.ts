import { abortable } from "../../../lib/async/abort.ts";
import { StateSpool } from "../../../terraform/state/spool.ts";
import { type AgentJob, idsOf } from "../../jobs/job.ts";
import type { StoredResult } from "../../jobs/journal.ts";
import type { JobContext } from "../services.ts";
import { StateDelivery, uploadEveryMs } from "./deliver-state.ts";

/**
 * Uploads the last state of an apply again whenever the control plane says that it is not there, though it was
 * acknowledged: its database may be an older one by now. The result is said again behind it. Resolves when the signal is aborted.
 */
export async function resendState(
  job: AgentJob,
  context: JobContext,
  result: StoredResult,
  signal: AbortSignal,
): Promise<void> {
  const until = { ...context, stopping: signal };
  try {
    for (;;) {
      await abortable(job.stateLack.found, signal);
      const { newest } = await StateSpool.open(job.files.states);
      const hasIt = newest !== undefined && newest.sha256 === result.stateSha256;
      context.log.warn({ ...idsOf(job), hasIt }, "the control plane does not have the last state any more");
      if (hasIt) {
        await using delivery = new StateDelivery(job, until, async () => {});
        await delivery.deliverAgain(newest);
      }
      job.stateLack.close();
      await context.clock.sleep(uploadEveryMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
