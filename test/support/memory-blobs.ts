import type { BlobStore, ListedBlob } from "../../src/store/ports/blobs.ts";
import { sha256 } from "./control.ts";

/** Objects in memory, for tests that look at something else and want to be quick. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<string, Buffer>();
  return {
    put: async (pieces) => {
      const bytes = Buffer.concat(await Array.fromAsync(pieces));
      const key = sha256(bytes);
      blobs.set(key, bytes);
      return { key, sha256: key, bytes: bytes.length };
    },
    async *get(key, from = 0, to) {
      const bytes = blobs.get(key);
      if (bytes === undefined) throw new Error(`no blob ${key}`);
      yield bytes.subarray(from, to);
    },
    has: async (key) => blobs.has(key),
    async *list(): AsyncGenerator<ListedBlob> {
      for (const [key, bytes] of blobs) yield { key, bytes: bytes.length, storedAt: new Date(0) };
    },
    usage: async () => ({ count: blobs.size, bytes: [...blobs.values()].reduce((sum, { length }) => sum + length, 0) }),
    deleteOlder: async (keys) => keys.filter((key) => blobs.delete(key)),
    claim: async () => true,
    delete: async (key) => void blobs.delete(key),
    [Symbol.asyncDispose]: async () => {},
  };
}
