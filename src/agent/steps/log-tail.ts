import { linkSignals } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { watchPath } from "../../lib/fs/file-events.ts";
import { openRegular } from "../../lib/fs/regular-file.ts";

export interface TailOptions {
  /** Settles when nothing is added to the file any more. */
  readonly ended: Promise<unknown>;
  readonly fromOffset?: number | undefined;
  readonly clock: Clock;
  /** A lost notification costs this much. */
  readonly pollMs?: number | undefined;
  /** Ends the tail with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const chunkBytes = 64 * 1024;
const defaultPollMs = 250;

/**
 * The bytes of a growing file from an offset on, as they are written (0 to 2 ms later), in pieces of at most 64 KiB.
 * Ends when the writer has ended and everything is read. The file must exist; what a job has put in its place is taken
 * for empty.
 */
export function tailFile(path: string, options: TailOptions): AsyncGenerator<Uint8Array, void> {
  const writer = new AbortController();
  const onEnd = (): void => writer.abort();
  options.ended.then(onEnd, onEnd);
  return tail(path, options, writer.signal);
}

async function* tail(path: string, options: TailOptions, writerEnded: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const { fromOffset = 0, clock, pollMs = defaultPollMs, signal } = options;
  await using file = await openRegular(path);
  if (file === undefined) return;
  using changes = watchPath(path, { clock, pollMs });
  using waking = linkSignals(signal, writerEnded);
  let offset = fromOffset;
  let buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    signal?.throwIfAborted();
    const isLast = writerEnded.aborted;
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, offset);
    offset += bytesRead;
    // Little is copied: mostly a line or two come at a time, and nothing at the end.
    if (bytesRead > chunkBytes / 4) {
      yield buffer.subarray(0, bytesRead);
      buffer = Buffer.allocUnsafe(chunkBytes);
    } else if (bytesRead > 0) yield Buffer.from(buffer.subarray(0, bytesRead));
    else if (isLast) return;
    else await changes.wait(waking.signal).catch(() => {});
  }
}
