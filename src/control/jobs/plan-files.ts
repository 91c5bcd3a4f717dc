import { createHash } from "node:crypto";
import type { Run } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Control } from "../core/control.ts";
import { openStreamFrom, sealedSize, sealStream } from "../core/sealed-stream.ts";

/** The archive of the files that a plan made, as an agent uploads it. */
export interface UploadedFiles {
  readonly sizeBytes: number;
  readonly sha256: string;
  /** To be read once, to its end. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What a run's row tells of them. */
export type PlanFiles = Pick<Run, "planFilesSha256" | "planFilesBytes" | "planFilesBlobKey">;

export const planFilesSubject = (runId: Run["id"]): string => `plan-files/${runId}`;

/** Encrypts and stores the files of a plan while they arrive; nothing is kept of an archive that is not as announced. */
export async function storePlanFiles(
  { blobs, vault }: Pick<Control, "blobs" | "vault">,
  runId: Run["id"],
  files: UploadedFiles,
): Promise<PlanFiles> {
  const { sizeBytes, sha256 } = files;
  const sealed = sealStream(vault, checked(files), planFilesSubject(runId));
  const { key } = await blobs.put(sealed, { maxBytes: sealedSize(sizeBytes) });
  return { planFilesSha256: sha256, planFilesBytes: sizeBytes, planFilesBlobKey: key };
}

async function* checked({ sizeBytes, sha256, bytes }: UploadedFiles): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of bytes) {
    hash.update(piece);
    size += piece.length;
    yield piece;
  }
  const actual = hash.digest("hex");
  if (size === sizeBytes && actual === sha256) return;
  throw new WindlassError(
    "checksum_mismatch",
    `the files of the plan are ${size} bytes with the SHA-256 ${actual}, but ${sizeBytes} with ${sha256} were announced: upload them again`,
  );
}

/** The archive as it was uploaded, from a byte on. */
export const openPlanFiles = (
  { blobs, vault }: Pick<Control, "blobs" | "vault">,
  { runId, key }: { readonly runId: Run["id"]; readonly key: string },
  from = 0,
): AsyncGenerator<Uint8Array> =>
  openStreamFrom({ vault, read: (at) => blobs.get(key, at) }, planFilesSubject(runId), from);
