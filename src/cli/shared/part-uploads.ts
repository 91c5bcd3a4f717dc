import { Code } from "@connectrpc/connect";
import { type UploadPurpose, UploadService } from "../../gen/windlass/v1/upload_service_pb.ts";
import { backoffMs } from "../../lib/async/backoff.ts";
import { retry } from "../../lib/async/retry.ts";
import { sendParts } from "../../lib/transfer/send-parts.ts";
import { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import { isOwnRefusal, isUnknownMethod } from "../../lib/way/own-answer.ts";
import type { Context } from "../server/context.ts";
import { bytesText } from "../terminal/ages.ts";

/** What is smaller goes in one call: no proxy bounds that. */
const oneCallBytes = 256 * 1024;
/**
 * Parts are sized so that each takes about a second; the protocol bounds them on both sides. Nothing waits behind the
 * first one.
 */
const limits = { minBytes: 32 * 1024, startBytes: 256 * 1024, maxBytes: 512 * 1024, maxLanes: 8 };
/** Smaller uploads are over before anybody could read how far they are. */
const longUploadBytes = 2 * 1024 * 1024;
/** How often an upload that gets nowhere is tried again. */
const maxTries = 6;
const policy = { firstMs: 500, capMs: 8_000 };

/** An object, and for which workspace it is. */
export interface ObjectToUpload {
  readonly workspace: string;
  readonly purpose: UploadPurpose;
  readonly sha256: string;
  readonly bytes: number;
  readonly read: (offset: number, bytes: number) => Promise<Uint8Array>;
}

/**
 * Sends a large object in parts, several at a time, and goes on where it stopped when the connection breaks. False if
 * it is small, or the server too old to take parts: then it goes in one call.
 */
export async function sendInParts(context: Context, object: ObjectToUpload): Promise<boolean> {
  if (object.bytes <= oneCallBytes) return false;
  const { io, notes } = context;
  const client = await context.client(UploadService);
  const organization = await context.organization();
  const { workspace, purpose, sha256, bytes, read } = object;
  const about = { organization, workspace, purpose, sha256, sizeBytes: BigInt(bytes) };
  const put = async (offset: number, chunk: Uint8Array, signal: AbortSignal) =>
    Number((await client.uploadPart({ ...about, offset: BigInt(offset), chunk }, { signal })).nextOffset);
  const progress = { sent: 0, tries: 0 };
  const onSent = (sent: number) => {
    if (sent > progress.sent) Object.assign(progress, { sent, tries: 0 });
    if (bytes < longUploadBytes) return;
    notes.gauge(sent >= bytes ? "" : `${notes.signs.up} uploading ${bytesText(sent)} of ${bytesText(bytes)}`);
  };
  const pace = new TransferPace(io.clock, limits);
  const waitMs = (error: unknown) => {
    progress.tries += 1;
    if (io.signal.aborted || progress.tries > maxTries || !mayPass(error)) throw error;
    return backoffMs(policy, progress.tries - 1, io.random);
  };
  const send = async (): Promise<boolean> => {
    try {
      await sendParts({ pace, sizeBytes: bytes, read, put, onSent }, io.signal);
      return true;
    } catch (error) {
      notes.gauge("");
      if (isUnknownMethod(error)) return false;
      throw error;
    }
  };
  return retry({ clock: io.clock, waitMs }, send, io.signal);
}

/** What another try of the same part meets again. */
const lasting: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.ResourceExhausted,
]);

/** What something on the way answers may be mended; what Windlass refuses is refused again. */
const mayPass = (error: unknown): boolean => !isOwnRefusal(error, lasting);
