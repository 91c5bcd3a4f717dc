import { Places } from "../../lib/async/places.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { BlobStore, ListedBlob } from "../../store/ports/blobs.ts";

/** Objects on their way at once. */
const maxAtOnce = 4;

export interface CopiedObjects {
  readonly copied: number;
  readonly bytes: number;
  /** They were there already. */
  readonly present: number;
  /** Keys of objects whose content is not what they were stored as: they are not copied. */
  readonly damaged: readonly string[];
}

/**
 * Copies every object that is not there yet, and compares each with its hash while it passes. Cut off, it goes on where it
 * was when it is begun again.
 */
export async function copyObjects(
  from: BlobStore,
  to: BlobStore,
  tell: (soFar: CopiedObjects) => void = () => {},
): Promise<CopiedObjects> {
  const there = new Map<string, number>();
  for await (const { key, bytes } of to.list()) there.set(key, bytes);
  const places = new Places(maxAtOnce);
  const underWay = new Set<Promise<void>>();
  const damaged: string[] = [];
  let [copied, bytes, present] = [0, 0, 0];
  let failure: { readonly error: unknown } | undefined;
  for await (const blob of from.list()) {
    if (failure !== undefined) break;
    if (there.get(blob.key) === blob.bytes) {
      present += 1;
      continue;
    }
    const place = await places.take();
    const copying = copyOne(from, to, blob)
      .then((isWhole) => {
        if (!isWhole) damaged.push(blob.key);
        else [copied, bytes] = [copied + 1, bytes + blob.bytes];
        tell({ copied, bytes, present, damaged });
      })
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        place[Symbol.dispose]();
        underWay.delete(copying);
      });
    underWay.add(copying);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
  return { copied, bytes, present, damaged };
}

/** False if the object is not what its key says; then nothing of it stays. */
async function copyOne(from: BlobStore, to: BlobStore, { key, bytes }: ListedBlob): Promise<boolean> {
  let isCut = false;
  const content = async function* () {
    try {
      yield* from.get(key);
    } catch (error) {
      isCut = true;
      throw error;
    }
  };
  try {
    const stored = await to.put(content(), { maxBytes: Math.max(bytes, 1) });
    if (stored.key === key) return true;
    await to.delete(stored.key);
    return false;
  } catch (error) {
    // What the source itself refuses to give is its own fault, and others can be copied.
    if (isCut && isWindlassError(error, "internal")) return false;
    if (isWindlassError(error, "upload_too_large")) return false;
    throw error;
  }
}
