import type { Principal } from "../../domain/people/principal.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import type { ApiKeyId, JobId } from "../../lib/words/ids.ts";
import type { Queries, Upload, UploadPart } from "../../store/ports/store.ts";
import type { Control } from "./control.ts";
import { invalid } from "./refusals.ts";
import { loadSealed, storeSealed } from "./sealed-blobs.ts";
import { makeRoom } from "./uploads-bounds.ts";

/** Whose objects they are: nobody else finds them. */
export type UploadOwner = Pick<Upload, "owner" | "organizationId" | "isOfJob">;

/** Of what a job uploads. */
export const jobOwner = (jobId: JobId): UploadOwner["owner"] => `job/${jobId}`;
/** Of what a person uploads with one credential. */
export const personOwner = (keyId: ApiKeyId): UploadOwner["owner"] => `key/${keyId}`;

/** Of what this caller uploads; nothing is found of others. */
export function ownerOf(who: Principal): UploadOwner["owner"] {
  if (who.kind === "job") return jobOwner(who.jobId);
  return who.kind === "api_key" ? personOwner(who.id) : who.kind;
}

/** What an object is known by. */
export type UploadedObject = Pick<Upload, "sha256" | "bytes">;

/** A part as it comes. */
export interface ArrivedPart extends UploadedObject {
  readonly offset: number;
  readonly chunk: Uint8Array;
}

/**
 * Smaller ones only end an object, or what was missing between others: their number is bounded by the size of the
 * object.
 */
const minPartBytes = 32 * 1024;

/**
 * Stores a part of an object, as far as it is not there yet; what came first counts. Answers the first byte that is
 * missing. Parts are durable when this resolves. An empty chunk only asks.
 */
export async function takePart(control: Control, owner: UploadOwner, part: ArrivedPart): Promise<number> {
  refuseMisfit(part);
  const { chunk, offset } = part;
  const known = await control.store.read((q) => q.uploads.find(owner.owner, part));
  if (chunk.length === 0) return known?.received ?? 0;
  const upload = known ?? (await begin(control, owner, part));
  const room = await control.store.read((q) => roomAt(q, upload.id, offset));
  const bytes = Math.min(chunk.length, room);
  if (bytes === 0) return (await control.store.read((q) => q.uploads.get(upload.id)))?.received ?? 0;
  const blobKey = await storeSealed(
    control,
    chunk.subarray(0, bytes),
    subjectOf({ uploadId: upload.id, start: offset }),
  );
  const placed = { uploadId: upload.id, start: offset, bytes, blobKey };
  const answer = await control.store.write((tx) => place(tx, placed), upload.id);
  if (!answer.isPlaced) await control.blobs.delete(blobKey);
  if (answer.received === undefined) throw unavailable("the upload was given up meanwhile: send its parts again");
  return answer.received;
}

function refuseMisfit({ bytes, offset, chunk }: ArrivedPart): void {
  if (offset > bytes) throw invalid("offset", `expected at most the size of ${bytes} bytes, got ${offset}`);
  if (offset + chunk.length > bytes)
    throw invalid("chunk", `expected at most ${bytes - offset} bytes to the end of the object, got ${chunk.length}`);
  const isSmall = chunk.length > 0 && chunk.length < minPartBytes && offset + chunk.length < bytes;
  if (isSmall) throw invalid("chunk", `expected at least ${minPartBytes} bytes, or the end, got ${chunk.length}`);
}

async function begin(control: Control, owner: UploadOwner, { sha256, bytes }: UploadedObject): Promise<Upload> {
  const { store, clock, random } = control;
  const fresh = { id: random.uuid(), ...owner, sha256, bytes, received: 0, createdAt: clock.now() };
  return store.write(async (tx) => {
    const known = await tx.uploads.find(owner.owner, { sha256, bytes });
    if (known !== undefined) return known;
    await makeRoom(tx, fresh);
    await tx.uploads.insert(fresh);
    return fresh;
  }, owner.owner);
}

/** How many bytes are missing from `offset` on to the next part. */
async function roomAt(q: Queries, id: string, offset: number): Promise<number> {
  const before = await q.uploads.partBefore(id, offset);
  if (before !== undefined && before.start + before.bytes > offset) return 0;
  return ((await q.uploads.partBehind(id, offset))?.start ?? Number.MAX_SAFE_INTEGER) - offset;
}

interface Placed {
  /** Undefined if the upload is gone. */
  readonly received: number | undefined;
  readonly isPlaced: boolean;
}

async function place(tx: Queries, part: UploadPart): Promise<Placed> {
  const upload = await tx.uploads.get(part.uploadId);
  if (upload === undefined) return { received: undefined, isPlaced: false };
  // The same part may have come twice at once.
  if ((await roomAt(tx, upload.id, part.start)) < part.bytes) return { received: upload.received, isPlaced: false };
  await tx.uploads.insertPart(part);
  const received = await reached(tx, upload);
  if (received > upload.received) await tx.uploads.save({ ...upload, received });
  return { received, isPlaced: true };
}

async function reached(tx: Queries, { id, received }: Upload): Promise<number> {
  for (let end = received; ; ) {
    const part = await tx.uploads.partBefore(id, end);
    const partEnd = part === undefined ? 0 : part.start + part.bytes;
    if (partEnd <= end) return end;
    end = partEnd;
  }
}

/** Reads an object that came in parts. Throws `storage_unavailable` while something of it is missing. */
export type ReadUploaded = (object: UploadedObject & { readonly what: string }) => AsyncGenerator<Uint8Array>;

/**
 * Gives what came in parts to who uses it. What was read is forgotten once it is used, and also if it turns out not to
 * be what was announced, so that it can be sent anew.
 */
export async function withUploaded<T>(
  control: Control,
  owner: UploadOwner["owner"],
  use: (read: ReadUploaded) => Promise<T>,
): Promise<T> {
  const used: Upload[] = [];
  const read: ReadUploaded = async function* (object) {
    const upload = await whole(control, owner, object);
    used.push(upload);
    yield* contentOf(control, upload);
  };
  try {
    const result = await use(read);
    await forget(control, used);
    return result;
  } catch (error) {
    if (spoiled.some((code) => isWindlassError(error, code))) await forget(control, used);
    throw error;
  }
}

const spoiled = ["checksum_mismatch", "archive_rejected", "not_found", "validation"] as const;

async function whole(
  { store }: Control,
  owner: string,
  { what, ...object }: UploadedObject & { readonly what: string },
): Promise<Upload> {
  if (object.bytes === 0) throw invalid("size_bytes", `expected a size of the ${what} that came in parts, got 0`);
  const upload = await store.read((q) => q.uploads.find(owner, object));
  const received = upload?.received ?? 0;
  if (upload !== undefined && received === object.bytes) return upload;
  throw unavailable(`${received} of the ${object.bytes} bytes of the ${what} have come in parts: send the rest`);
}

async function* contentOf(control: Control, { id }: Upload): AsyncGenerator<Uint8Array> {
  for (const part of await control.store.read((q) => q.uploads.parts(id)))
    yield await loadSealed(control, { key: part.blobKey, subject: subjectOf(part), maxBytes: part.bytes });
}

/** Forgets uploads with their parts. */
export async function forget(
  { store, blobs }: Pick<Control, "store" | "blobs">,
  uploads: readonly Upload[],
): Promise<void> {
  for (const { id } of uploads) {
    const parts = await store.write(async (tx) => {
      const found = await tx.uploads.parts(id);
      await tx.uploads.delete(id);
      return found;
    }, id);
    for (const { blobKey } of parts) await blobs.delete(blobKey);
  }
}

const subjectOf = ({ uploadId, start }: Pick<UploadPart, "uploadId" | "start">): string =>
  `upload/${uploadId}/${start}`;

const unavailable = (message: string) => new WindlassError("storage_unavailable", message, { retryAfterMs: 1_000 });
