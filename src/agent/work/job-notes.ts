import { isOutOfSpace } from "../disk/durable-files.ts";
import { type AgentJob, idsOf } from "../jobs/job.ts";
import type { NewRecord } from "../jobs/journal.ts";
import type { JobContext } from "./services.ts";

const retryMs = 1_000;

/** Appends to a job's journal; when the disk is full it takes the reserve, and waits for space when that is not enough. */
export const note = (job: AgentJob, context: JobContext, record: NewRecord): Promise<void> =>
  untilRoom(job, context, () => job.journal.append(record));

/** The same of what survives the machine only with the next `note`. */
export const jot = (job: AgentJob, context: JobContext, record: NewRecord): Promise<void> =>
  untilRoom(job, context, () => job.journal.jot(record));

async function untilRoom(job: AgentJob, context: JobContext, write: () => Promise<void>): Promise<void> {
  const { clock, log, stopping, reserve } = context;
  for (;;) {
    stopping.throwIfAborted();
    try {
      return await write();
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      if (await reserve.release("the journal cannot be written")) continue;
      log.error({ ...idsOf(job), err: error }, "disk full: the journal waits");
      await clock.sleep(retryMs, stopping);
    }
  }
}

/** As `note`, for what must not wait for space. */
export async function noteIfPossible(job: AgentJob, context: JobContext, record: NewRecord): Promise<void> {
  const append = () => job.journal.append(record);
  const withReserve = async (error: unknown) => {
    if (!isOutOfSpace(error) || !(await context.reserve.release("the journal cannot be written"))) throw error;
    await append();
  };
  try {
    await append().catch(withReserve);
  } catch (error) {
    context.log.error({ ...idsOf(job), err: error }, "the journal could not be written");
  }
}
