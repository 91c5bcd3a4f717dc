import { createHash } from "node:crypto";
import { isEnded } from "../../domain/runs/job.ts";
import { abortable } from "../../lib/async/abort.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import type { ListedStream } from "../../store/ports/logs.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { sealedSize, sealStream } from "../core/sealed-stream.ts";
import { archiveSubject } from "../logs/log-archive.ts";

const pageRows = 200;
const pieceBytes = 256 * 1024;
/** After a start agents come back first, and collections go before it. */
const firstMs = 15 * 60_000;
const everyMs = 3_600_000;
/** Between two logs: whoever works goes first. */
const pauseMs = 20;

export type ArchiveControl = Pick<Control, "store" | "logs" | "blobs" | "vault" | "clock" | "log">;

/** What went from the log store to the objects. */
export interface ArchivedLogs {
  readonly logs: number;
  readonly bytes: number;
}

/** Archives every hour, until the signal is aborted. */
export async function archiveUntil(control: ArchiveControl, afterMs: number, signal: AbortSignal): Promise<void> {
  for (let waitMs = firstMs; !signal.aborted; waitMs = everyMs) {
    await control.clock.sleep(waitMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      // What is on its way to a slow store is not waited for.
      const archived = await abortable(archiveLogs(control, afterMs, signal), signal);
      if (archived.logs > 0) control.log.info({ ...archived }, "old logs were moved to the objects");
    } catch (error) {
      if (!signal.aborted)
        control.log.error({ err: error }, "old logs could not be moved to the objects: it is tried again");
    }
  }
}

/**
 * Moves complete logs of jobs that ended so long ago from the log store to the objects, one after the other. The object is
 * durable before the stream names it, and the stream names it in the transaction that forgets its bytes: cut off at any
 * point, a log is in one of the two, and what is left of an attempt is an object that nothing needs.
 */
export async function archiveLogs(
  control: ArchiveControl,
  afterMs: number,
  signal: AbortSignal,
): Promise<ArchivedLogs> {
  const { store, logs, clock } = control;
  const endedBefore = new Date(clock.now().getTime() - afterMs);
  let [count, bytes] = [0, 0];
  for (let after: string | null = null; ; ) {
    const streams: readonly ListedStream[] = await logs.list(after, pageRows);
    const complete = streams.filter(({ end, archive, length }) => end === "sealed" && archive === null && length > 0);
    const old = complete.length === 0 ? [] : await store.read((q) => endedIn(q, complete, endedBefore));
    for (const stream of old) {
      if (signal.aborted) return { logs: count, bytes };
      if (!(await tryOne(control, stream))) continue;
      count += 1;
      bytes += stream.length;
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
    if (streams.length < pageRows || signal.aborted) return { logs: count, bytes };
    after = streams.at(-1)?.name ?? null;
  }
}

/** Those of jobs that ended before an instant. */
async function endedIn(
  q: Queries,
  streams: readonly ListedStream[],
  endedBefore: Date,
): Promise<readonly ListedStream[]> {
  const ids = [...new Set(streams.map(({ name }) => jobOf(name)))].filter((id) => isId("job", id));
  const jobs = new Map<string, { readonly isOld: boolean }>(
    (await q.jobs.byIds(ids)).map(({ id, status, endedAt, isLogClosed }) => [
      id,
      { isOld: isEnded(status) && isLogClosed && endedAt !== null && endedAt < endedBefore },
    ]),
  );
  return streams.filter(({ name }) => jobs.get(jobOf(name))?.isOld === true);
}

/** The job in a stream's name, `<job id>/<epoch>`. */
const jobOf = (name: string): string => name.slice(0, name.lastIndexOf("/"));

/** One log that cannot be moved does not hold up the others; a store that does not answer does. */
async function tryOne(control: ArchiveControl, stream: ListedStream): Promise<boolean> {
  try {
    return await archiveOne(control, stream);
  } catch (error) {
    if (isWindlassError(error, "storage_unavailable")) throw error;
    control.log.error({ err: error, stream: stream.name }, "a log could not be moved to the objects: it stays");
    return false;
  }
}

async function archiveOne(control: ArchiveControl, { name, length, sha256 }: ListedStream): Promise<boolean> {
  const { logs, blobs, vault, log } = control;
  const hash = createHash("sha256");
  const plain = async function* () {
    for (let offset = 0; offset < length; ) {
      const { bytes, nextOffset } = await logs.read(name, offset, pieceBytes);
      if (bytes.length === 0) return;
      hash.update(bytes);
      yield bytes;
      offset = nextOffset;
    }
  };
  const sealed = sealStream(vault, plain(), archiveSubject(name));
  const { key } = await blobs.put(sealed, { maxBytes: sealedSize(length) });
  const isWhole = sha256 !== null && hash.digest("hex") === sha256;
  if (!isWhole) log.error({ stream: name }, "a log is not what its agent sealed: it stays where it is");
  return isWhole && logs.archive(name, { key, was: null, sha256 });
}
