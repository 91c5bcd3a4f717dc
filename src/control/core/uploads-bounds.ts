import { shownSize } from "../../lib/text/size-text.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries, Upload } from "../../store/ports/store.ts";

const gib = 1024 * 1024 * 1024;

/** What one owner may have begun at a time: a job has a plan, its summary, its files, and states that follow one another. */
const ofOwner = { count: 8, bytes: gib };
/** What the people of an organization may have begun together. */
const ofPeople = { count: 200, bytes: 16 * gib };

/**
 * Makes room for another upload: the oldest ones of its owner are forgotten. Throws `rate_limited` when the people of the
 * organization have begun too many.
 */
export async function makeRoom(tx: Queries, next: Upload): Promise<void> {
  const begun = [...(await tx.uploads.ofOwner(next.owner))];
  let bytes = begun.reduce((sum, upload) => sum + upload.bytes, next.bytes);
  while (begun.length >= ofOwner.count || (bytes > ofOwner.bytes && begun.length > 0)) {
    const oldest = begun.shift();
    if (oldest === undefined) break;
    bytes -= oldest.bytes;
    await tx.uploads.delete(oldest.id);
  }
  if (!next.isOfJob) await refuseTooMany(tx, next);
}

async function refuseTooMany(tx: Queries, next: Upload): Promise<void> {
  const { count, bytes } = await tx.uploads.begunByPeople(next.organizationId);
  if (count < ofPeople.count && bytes + next.bytes <= ofPeople.bytes) return;
  throw new WindlassError(
    "rate_limited",
    `the people of this organization have begun ${count} uploads of ${shownSize(bytes)} together: at most ${ofPeople.count} of ${shownSize(ofPeople.bytes)} are kept. Finish them, or wait: they are forgotten after a day`,
    { retryAfterMs: 60_000 },
  );
}
