import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import { deadlineAfter } from "../../../lib/async/abort.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Bucket } from "./bucket.ts";
import { isMissing, notS3, statusOf, storeFailure } from "./failures.ts";

/** How long an answer may take, with all attempts. */
const answerMs = 30_000;

/** What every request works with. */
export interface Asking {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** Aborted when nobody waits for the store any more. */
  readonly cutOff?: AbortSignal | undefined;
}

/** An object as the store tells it. */
export interface FoundObject {
  readonly bytes: number;
  /** By our clock. */
  readonly storedAt: Date;
}

/** Does something that the store has to answer soon; its errors are told as ours. */
export async function asked<T>(
  { bucket, clock, cutOff }: Asking,
  ask: (abortSignal: AbortSignal) => Promise<T>,
  withinMs = answerMs,
): Promise<T> {
  using deadline = deadlineAfter(clock, withinMs, cutOff);
  try {
    return await ask(deadline.signal);
  } catch (error) {
    throw storeFailure(error, bucket.shown);
  }
}

/** Undefined if there is no such object. */
export const headOf = (asking: Asking, name: string): Promise<FoundObject | undefined> =>
  asked(asking, async (abortSignal) => {
    const { bucket } = asking;
    try {
      const head = new HeadObjectCommand({ Bucket: bucket.name, Key: name });
      const { ContentLength, LastModified, ETag } = await bucket.client.send(head, { abortSignal });
      if (ContentLength === undefined || LastModified === undefined || ETag === undefined) throw notS3(bucket.shown);
      return { bytes: ContentLength, storedAt: byOurClock(bucket, LastModified) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  });

const byOurClock = (bucket: Bucket, at: Date): Date => new Date(at.getTime() - bucket.skewMs());

/** What the store gives of an object: its bytes from somewhere on, and how many it has in all. */
export interface GivenBytes {
  readonly body: Readable;
  readonly totalBytes: number;
}

/** Undefined: there is nothing at that place. Throws the SDK's own errors: the caller knows whether it asks again. */
export async function bytesFrom(
  { bucket, clock, cutOff }: Asking,
  name: string,
  { from, to }: { readonly from: number; readonly to: number | undefined },
): Promise<GivenBytes | undefined> {
  const isWhole = from === 0 && to === undefined;
  const range = isWhole ? {} : { Range: `bytes=${from}-${to === undefined ? "" : to - 1}` };
  using deadline = deadlineAfter(clock, answerMs, cutOff);
  try {
    const get = new GetObjectCommand({ Bucket: bucket.name, Key: name, ...range });
    const { Body, ContentLength, ContentRange } = await bucket.client.send(get, { abortSignal: deadline.signal });
    const total = isWhole ? ContentLength : Number(/^bytes \d+-\d+\/(\d+)$/.exec(ContentRange ?? "")?.[1]);
    if (!(Body instanceof Readable) || total === undefined || !Number.isSafeInteger(total)) {
      if (Body instanceof Readable) Body.destroy();
      throw notS3(bucket.shown);
    }
    return { body: Body, totalBytes: total };
  } catch (error) {
    if (statusOf(error) === 416) return undefined;
    throw error;
  }
}

/** A page of a listing. */
interface ListedPage {
  readonly objects: readonly (FoundObject & { readonly name: string })[];
  readonly next: string | undefined;
}

/** At most a thousand objects whose names begin so, from a page on. */
export const listed = (asking: Asking, prefix: string, page: string | undefined): Promise<ListedPage> =>
  asked(asking, async (abortSignal) => {
    const { bucket } = asking;
    const list = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: prefix,
      ...(page === undefined ? {} : { ContinuationToken: page }),
    });
    const answer = await bucket.client.send(list, { abortSignal });
    // HTML has been read as an answer without anything in it.
    if (answer.Name === undefined) throw notS3(bucket.shown);
    const objects = (answer.Contents ?? []).flatMap(({ Key, Size, LastModified }) =>
      Key === undefined || Size === undefined || LastModified === undefined
        ? []
        : [{ name: Key, bytes: Size, storedAt: byOurClock(bucket, LastModified) }],
    );
    return { objects, next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined };
  });

/** One that is not there is gone, too. */
export const removed = (asking: Asking, name: string): Promise<void> =>
  asked(asking, async (abortSignal) => {
    const { bucket } = asking;
    await bucket.client.send(new DeleteObjectCommand({ Bucket: bucket.name, Key: name }), { abortSignal });
  });

/** The same for at most a thousand, in one request where the store knows such requests; none is begun after the signal. */
export async function removedAll(asking: Asking, names: readonly string[], signal: AbortSignal): Promise<void> {
  if (names.length === 0) return;
  signal.throwIfAborted();
  const isDone = await asked(asking, async (abortSignal) => {
    const { bucket } = asking;
    const remove = new DeleteObjectsCommand({
      Bucket: bucket.name,
      Delete: { Objects: names.map((Key) => ({ Key })), Quiet: true },
    });
    // Older stores want it, and do not know what the SDK sends in its place.
    remove.middlewareStack.add(
      (next) => (args) => {
        const request: unknown = args.request;
        if (isTextRequest(request))
          request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
        return next(args);
      },
      { step: "build", name: "windlassMd5" },
    );
    try {
      const { Errors = [] } = await bucket.client.send(remove, { abortSignal });
      const [first] = Errors.filter(({ Code }) => Code !== "NoSuchKey");
      if (first !== undefined) throw Object.assign(new Error(first.Message ?? ""), { name: first.Code ?? "Error" });
      return true;
    } catch (error) {
      if (statusOf(error) === 501 || statusOf(error) === 405) return false;
      throw error;
    }
  });
  if (isDone) return;
  for (const name of names) {
    signal.throwIfAborted();
    await removed(asking, name);
  }
}

const isTextRequest = (
  request: unknown,
): request is { readonly headers: Record<string, string>; readonly body: string } =>
  typeof request === "object" &&
  request !== null &&
  "headers" in request &&
  "body" in request &&
  typeof request.body === "string";
