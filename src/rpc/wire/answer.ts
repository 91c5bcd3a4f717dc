import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { mapItems, observed } from "../../lib/async/streams.ts";
import { mendEnvelope, mendJson, mendTrailers } from "./errors.ts";
import { protocolOf } from "./protocol.ts";

const unzip = promisify(gunzip);

/**
 * The answer of a protocol handler, with its error, if it becomes one, as the protocol defines it and with its reason: also
 * where a layer below ours refused the call.
 */
export async function mendedAnswer(answer: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { body, trailer, header } = answer;
  if (body === undefined) return answer;
  switch (protocolOf(header?.get("content-type") ?? "")) {
    case "grpc":
      return { ...answer, body: observed(body, { onEnd: () => trailer !== undefined && mendTrailers(trailer) }) };
    case "grpc-web":
    case "connect-stream":
      // Each piece is one envelope.
      return { ...answer, body: mapItems(body, mendEnvelope) };
    case "connect":
      return answer.status === 200 ? answer : await mendedJson({ ...answer, body });
    case undefined:
      return answer;
  }
}

type WithBody = UniversalServerResponse & { readonly body: AsyncIterable<Uint8Array> };

async function mendedJson(answer: WithBody): Promise<UniversalServerResponse> {
  const whole = Buffer.concat(await Array.fromAsync(answer.body));
  const isCompressed = answer.header?.get("content-encoding") === "gzip";
  const mended = mendJson(isCompressed ? await unzip(whole) : whole);
  if (mended === undefined) return { ...answer, body: once(whole) };
  const header = new Headers(answer.header);
  header.delete("content-encoding");
  header.set("content-length", String(mended.length));
  return { ...answer, header, body: once(mended) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
