import { create } from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import type { ConfigurationVersion } from "../../../src/gen/windlass/v1/configuration_pb.ts";
import {
  ConfigurationService,
  UploadConfigurationRequestSchema,
} from "../../../src/gen/windlass/v1/configuration_service_pb.ts";
import { UploadPurpose, UploadService } from "../../../src/gen/windlass/v1/upload_service_pb.ts";
import { backoffMs } from "../data/backoff.ts";

export interface Sending {
  readonly organization: string;
  readonly workspace: string;
  readonly archive: Blob;
  /** Hears how much the server has. */
  readonly onSent: (bytes: number) => void;
}

/** The protocol bounds parts on both sides; at this size progress is seen on slow lines too. */
const partBytes = 256 * 1024;
/** Parts on their way at a time: a browser has six connections to a host. */
const lanes = 3;
const maxTries = 6;

/** Sends an archive in parts, and makes a configuration of it. What the server has already of it is not sent again. */
export async function sendConfiguration(
  transport: Transport,
  { organization, workspace, archive, onSent }: Sending,
  signal: AbortSignal,
): Promise<ConfigurationVersion> {
  const sha256 = hex(await crypto.subtle.digest("SHA-256", await archive.arrayBuffer()));
  const about = { organization, workspace, sha256, sizeBytes: BigInt(archive.size) };
  const client = createClient(UploadService, transport);
  const put = (offset: number, chunk: Uint8Array, options: CallOptions) => {
    const part = { ...about, purpose: UploadPurpose.CONFIGURATION, offset: BigInt(offset), chunk };
    return persistently(async () => Number((await client.uploadPart(part, options)).nextOffset), options.signal);
  };
  let has = await put(0, new Uint8Array(), { signal });
  onSent(has);
  while (has < archive.size) {
    const before = has;
    await inLanes({ from: has, to: archive.size }, signal, async (offset, one) => {
      const chunk = new Uint8Array(await archive.slice(offset, offset + partBytes).arrayBuffer());
      has = Math.max(has, await put(offset, chunk, { signal: one }));
      onSent(has);
    });
    if (has <= before) throw new ConnectError(`the server has ${has} of ${archive.size} bytes`, Code.Unavailable);
  }
  return await finish(transport, about, signal);
}

const hex = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Moves part after part, several at a time; the first failure ends them all. */
async function inLanes(
  { from, to }: Range,
  signal: AbortSignal,
  move: (offset: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  let next = from;
  const lane = async () => {
    while (next < to && !either.aborted) {
      const offset = next;
      next += partBytes;
      await move(offset, either);
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    ending.abort();
  }
}

/** What another try may mend: nobody has answered, or not for long. */
const passing: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Unknown, Code.DeadlineExceeded]);

async function persistently<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted === true || tries >= maxTries || !passing.has(ConnectError.from(error).code)) throw error;
      await pause(backoffMs(tries - 1, Math.random()), signal);
    }
  }
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** One message of a stream to the server looks as the request of a stream from it does, and that browsers can send. */
const withOneMessage = { ...ConfigurationService.method.uploadConfiguration, methodKind: "server_streaming" } as const;

async function finish(
  transport: Transport,
  about: {
    readonly organization: string;
    readonly workspace: string;
    readonly sha256: string;
    readonly sizeBytes: bigint;
  },
  signal: AbortSignal,
): Promise<ConfigurationVersion> {
  const header = create(UploadConfigurationRequestSchema, {
    part: { case: "header", value: { ...about, inParts: true } },
  });
  const messages = createAsyncIterable([header]);
  const { message } = await transport.stream(withOneMessage, signal, undefined, undefined, messages);
  for await (const { configurationVersion } of message)
    if (configurationVersion !== undefined) return configurationVersion;
  throw new ConnectError("the server answered without a version", Code.Internal);
}
