import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { deadlineAfter, together } from "../../../lib/async/abort.ts";
import type { Places } from "../../../lib/async/places.ts";
import { notS3, statusOf, storeFailure } from "./failures.ts";
import { type Asking, asked, headOf } from "./requests.ts";
import type { SpooledBlob, SpooledPart, UploadSpool } from "./spool.ts";

/** From the first request of an upload to its last: the store dates an object by the first one. */
const uploadMs = 30 * 60_000;
const abortMs = 10_000;

export interface Uploading extends Asking {
  /** For parts that are in memory and on their way, of all uploads together. */
  readonly places: Places;
}

/** What is sent, and under which name. */
export interface Sending {
  readonly name: string;
  readonly spool: Pick<UploadSpool, "read">;
  readonly blob: SpooledBlob;
  /** Refused as `taken` if an object of that name is there. */
  readonly isNew: boolean;
}

export type SendOutcome = "stored" | "taken" | "unconditional";

/**
 * Stores an upload under its name, as a whole or not at all. `unconditional`: the store has no way to say that the object
 * must be new; nothing was stored.
 */
export async function send(uploading: Uploading, sending: Sending): Promise<SendOutcome> {
  const { bucket, clock, cutOff } = uploading;
  using deadline = deadlineAfter(clock, uploadMs, cutOff);
  try {
    const { signal } = deadline;
    await (sending.blob.parts.length === 1
      ? sendWhole(uploading, sending, signal)
      : sendInParts(uploading, sending, signal));
    return "stored";
  } catch (error) {
    if (sending.isNew && (statusOf(error) === 412 || statusOf(error) === 409)) return "taken";
    if (sending.isNew && statusOf(error) === 501) return "unconditional";
    throw storeFailure(error, bucket.shown);
  }
}

const conditionOf = ({ isNew }: Sending) => (isNew ? { IfNoneMatch: "*" } : {});

async function sendWhole({ bucket, places }: Uploading, sending: Sending, signal: AbortSignal): Promise<void> {
  const [part] = sending.blob.parts;
  if (part === undefined) throw new Error("an upload has one part at least");
  using _place = await places.take();
  const put = new PutObjectCommand({
    Bucket: bucket.name,
    Key: sending.name,
    Body: await sending.spool.read(part),
    ContentLength: part.bytes,
    ContentType: "application/octet-stream",
    ...conditionOf(sending),
  });
  put.middlewareStack.add(withHash(part), hashStep);
  const { ETag } = await bucket.client.send(put, { abortSignal: signal });
  if (ETag === undefined) throw notS3(bucket.shown);
}

async function sendInParts(uploading: Uploading, sending: Sending, signal: AbortSignal): Promise<void> {
  const { bucket } = uploading;
  const object = { Bucket: bucket.name, Key: sending.name };
  const create = new CreateMultipartUploadCommand({ ...object, ContentType: "application/octet-stream" });
  const { UploadId } = await bucket.client.send(create, { abortSignal: signal });
  if (UploadId === undefined) throw notS3(bucket.shown);
  try {
    const etags = await together(signal, (over) =>
      sending.blob.parts.map((part, index) =>
        sendPart(uploading, { ...sending, part, number: index + 1, UploadId }, over),
      ),
    );
    const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
    const complete = new CompleteMultipartUploadCommand({
      ...object,
      ...conditionOf(sending),
      UploadId,
      MultipartUpload: { Parts },
    });
    const { ETag } = await bucket.client.send(complete, { abortSignal: signal });
    if (ETag === undefined) throw notS3(bucket.shown);
  } catch (error) {
    // Its answer was lost, and it was asked for again.
    if (isForgotten(error) && (await isStored(uploading, sending))) return;
    const abort = new AbortMultipartUploadCommand({ ...object, UploadId });
    // If this fails, too, a look at the objects does it later, or a rule of the bucket.
    await asked(uploading, (abortSignal) => bucket.client.send(abort, { abortSignal }), abortMs).catch(() => undefined);
    throw error;
  }
}

const isForgotten = (error: unknown): boolean => error instanceof Error && error.name === "NoSuchUpload";

const isStored = async (uploading: Uploading, { name, blob }: Sending): Promise<boolean> =>
  (await headOf(uploading, name))?.bytes === blob.bytes;

interface PartSending extends Sending {
  readonly part: SpooledPart;
  readonly number: number;
  readonly UploadId: string;
}

async function sendPart(
  { bucket, places }: Uploading,
  { name, spool, part, number, UploadId }: PartSending,
  signal: AbortSignal,
): Promise<string> {
  using _place = await places.take();
  signal.throwIfAborted();
  const upload = new UploadPartCommand({
    Bucket: bucket.name,
    Key: name,
    UploadId,
    PartNumber: number,
    Body: await spool.read(part),
    ContentLength: part.bytes,
  });
  upload.middlewareStack.add(withHash(part), hashStep);
  const { ETag } = await bucket.client.send(upload, { abortSignal: signal });
  if (ETag === undefined) throw notS3(bucket.shown);
  return ETag;
}

const hashStep = { step: "build", name: "windlassHash" } as const;

/** The store compares what arrives with the hash. It is known already: the SDK would hash all at once, and hold up everybody. */
const withHash =
  ({ sha256 }: SpooledPart) =>
  <Args extends { request: unknown }, Result>(next: (args: Args) => Promise<Result>) =>
  (args: Args): Promise<Result> => {
    const { request } = args;
    if (hasHeaders(request)) request.headers["x-amz-content-sha256"] = sha256;
    return next(args);
  };

const hasHeaders = (request: unknown): request is { readonly headers: Record<string, string> } =>
  typeof request === "object" && request !== null && "headers" in request;

/** Ends uploads below a prefix that were begun before an instant: who began them is no more. */
export async function abortUploads(asking: Asking, prefix: string, before: Date): Promise<void> {
  const { bucket } = asking;
  const Bucket = bucket.name;
  await asked(asking, async (abortSignal) => {
    const list = new ListMultipartUploadsCommand({ Bucket, Prefix: prefix });
    const { Uploads = [] } = await bucket.client.send(list, { abortSignal });
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined || Initiated >= before) continue;
      await bucket.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), { abortSignal });
    }
  });
}
