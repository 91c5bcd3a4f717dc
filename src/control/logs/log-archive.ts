import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import type { LogRead, LogStore, LogStreamId } from "../../store/ports/logs.ts";
import { maxReadBytes } from "../../store/ports/logs.ts";
import type { Control } from "../core/control.ts";
import { openStreamFrom, sealedPieceBytes, sealedPlace } from "../core/sealed-stream.ts";

/** What is read of an archived log at once, and remembered. */
const blockPieces = 4;
const blockBytes = blockPieces * sealedPieceBytes;
/** Together 16 MiB: whoever reads a log reads it piece by piece, and often from several sides. */
const maxBlocks = 16;

type ArchiveParts = Pick<Control, "blobs" | "vault">;

/** What the sealed bytes of a log belong to. */
export const archiveSubject = (stream: LogStreamId): string => `log/${stream}`;

/** The same log store, which reads the bytes of archived logs where they are. Whoever reads does not see a difference. */
export function withArchive(logs: LogStore, parts: ArchiveParts): LogStore {
  const blocks = new ArchiveBlocks(parts);
  const read: LogStore["read"] = async (stream, offset, maxBytes, giving) => {
    for (let isSecond = false; ; isSecond = true) {
      const { archive, lent, ...known } = await logs.read(stream, offset, maxBytes, giving);
      if (archive === undefined) return lent === undefined ? known : { ...known, lent };
      lent?.giveBack();
      try {
        return await archived(blocks, { stream, archive, offset, maxBytes }, known);
      } catch (error) {
        // It may have been moved, or removed, in this very moment: then the stream says so now.
        if (isSecond || !isWindlassError(error, "not_found")) throw asFault(error, stream);
      }
    }
  };
  return new Proxy(logs, {
    get: (target, name) => {
      if (name === "read") return read;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

interface ArchivedRange {
  readonly stream: LogStreamId;
  readonly archive: string;
  readonly offset: number;
  readonly maxBytes: number;
}

async function archived(
  blocks: ArchiveBlocks,
  { stream, archive, offset, maxBytes }: ArchivedRange,
  known: LogRead,
): Promise<LogRead> {
  const count = Math.min(maxBytes, maxReadBytes, Math.max(0, known.length - offset));
  const bytes = new Uint8Array(count);
  for (let done = 0; done < count; ) {
    const at = offset + done;
    const block = await blocks.get({ stream, archive, index: Math.floor(at / blockBytes) });
    const part = block.subarray(at % blockBytes, (at % blockBytes) + count - done);
    if (part.length === 0) throw cutOff(stream);
    bytes.set(part, done);
    done += part.length;
  }
  return { ...known, bytes, nextOffset: offset + count };
}

/** The run is there, and its log was: that the object is not is no mistake of the caller. */
const asFault = (error: unknown, stream: LogStreamId): unknown =>
  isWindlassError(error, "not_found")
    ? new WindlassError("internal", `the archived log ${stream} is gone: its object was deleted outside of windlassd`, {
        cause: error,
      })
    : error;

const cutOff = (stream: LogStreamId): WindlassError =>
  new WindlassError("internal", `the archived log ${stream} is cut off: its object was changed outside of windlassd`);

interface BlockName {
  readonly stream: LogStreamId;
  readonly archive: string;
  readonly index: number;
}

/** The blocks of archived logs that were read last. */
class ArchiveBlocks {
  readonly #parts: ArchiveParts;
  readonly #known = new Map<string, Promise<Uint8Array>>();

  constructor(parts: ArchiveParts) {
    this.#parts = parts;
  }

  get(block: BlockName): Promise<Uint8Array> {
    const name = `${block.archive} ${block.stream} ${block.index}`;
    const reading = this.#known.get(name) ?? this.#read(block);
    this.#known.delete(name); // last in the map's order: forgotten last
    this.#known.set(name, reading);
    reading.catch(() => {
      if (this.#known.get(name) === reading) this.#known.delete(name);
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxBlocks && oldest !== undefined) this.#known.delete(oldest);
    return reading;
  }

  async #read({ stream, archive, index }: BlockName): Promise<Uint8Array> {
    const { blobs, vault } = this.#parts;
    const to = sealedPlace((index + 1) * blockPieces);
    const read = (from: number) => blobs.get(archive, from, to);
    return Buffer.concat(
      await Array.fromAsync(openStreamFrom({ vault, read }, archiveSubject(stream), index * blockBytes)),
    );
  }
}
