import { createTarPacker } from "modern-tar";
import type { FolderFile } from "./folder.ts";

export interface Packing {
  /** Greatest size of the archive. */
  readonly maxBytes: number;
  /** Hears how many bytes of the files were read. */
  readonly onRead: (bytes: number) => void;
}

/** The packed folder is larger than the server takes. */
export class FolderTooLarge extends Error {
  override readonly name = "FolderTooLarge";
}

/** Packs files as a gzipped tar, without times and owners: the same files give the same archive. */
export async function packFiles(
  files: readonly FolderFile[],
  { maxBytes, onRead }: Packing,
  signal: AbortSignal,
): Promise<Blob> {
  const { readable, controller } = createTarPacker();
  const write = async () => {
    let read = 0;
    for (const { path, file } of files) {
      signal.throwIfAborted();
      const entry = { name: path, size: file.size, type: "file", mode: 0o644, mtime: new Date(0) } as const;
      await file.stream().pipeTo(controller.add(entry), { signal });
      read += file.size;
      onRead(read);
    }
    controller.finalize();
  };
  const written = write().catch((error: unknown) => {
    controller.error(error);
    throw error;
  });
  const packed = readable.pipeThrough(new CompressionStream("gzip")).pipeThrough(atMost(maxBytes));
  // Reading may fail because of what failed in writing, which is the reason to be told.
  const [archive, writing] = await Promise.allSettled([new Response(packed).blob(), written]);
  if (archive.status === "rejected" && archive.reason instanceof FolderTooLarge) throw archive.reason;
  if (writing.status === "rejected") throw writing.reason;
  if (archive.status === "rejected") throw archive.reason;
  return archive.value;
}

function atMost(maxBytes: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  return new TransformStream({
    transform: (chunk, controller) => {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new FolderTooLarge();
      controller.enqueue(chunk);
    },
  });
}
