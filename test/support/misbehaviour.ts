import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";

/** How an answer goes wrong on its way. */
export type Misbehaviour =
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** Half of the answer, and then nothing, with the connection open. */
  | { readonly kind: "stalled" }
  /** Half of the answer, and then the connection ends. */
  | { readonly kind: "cut-off" }
  /** The first byte after the middle is another one. */
  | { readonly kind: "corrupt" }
  | { readonly kind: "status"; readonly code: number }
  /** No answer, with the connection open. */
  | { readonly kind: "hang" };

/** What is sent when nothing goes wrong. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly type: string;
}

/** Sends an answer, with what goes wrong. */
export async function send(
  response: ServerResponse,
  { bytes, type }: Body,
  misbehaviour: Misbehaviour | undefined,
): Promise<void> {
  // What has no body has none to spoil.
  const isHead = response.req.method === "HEAD";
  if (misbehaviour === undefined || (isHead && misbehaviour.kind !== "status")) return whole(response, { bytes, type });
  const half = bytes.subarray(0, bytes.length / 2);
  const headers = { "content-length": bytes.length, "content-type": type };
  switch (misbehaviour.kind) {
    case "slow":
      response.writeHead(200, headers);
      return pipeline(Readable.from(slowly(bytes, misbehaviour.bytesPerSecond)), response);
    case "stalled":
      response.writeHead(200, headers).write(half);
      return;
    case "cut-off":
      response.writeHead(200, headers).write(half, () => response.destroy());
      return;
    case "corrupt":
      return whole(response, { bytes: corrupted(bytes), type });
    case "status":
      response.writeHead(misbehaviour.code).end(`this server was told to answer ${misbehaviour.code}\n`);
      return;
    case "hang":
      return;
  }
}

function whole(response: ServerResponse, { bytes, type }: Body): void {
  response.writeHead(200, { "content-length": bytes.length, "content-type": type }).end(bytes);
}

async function* slowly(body: Uint8Array, bytesPerSecond: number): AsyncGenerator<Uint8Array> {
  const everyMs = 50;
  const size = Math.max(1, Math.round((bytesPerSecond * everyMs) / 1000));
  for (let at = 0; at < body.length; at += size) {
    yield body.subarray(at, at + size);
    await pause(everyMs);
  }
}

function corrupted(body: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(body);
  const middle = body.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}
