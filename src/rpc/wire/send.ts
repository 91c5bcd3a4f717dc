import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { HttpResponse } from "../../http/messages.ts";
import { takenPieces } from "../../http/send-pieces.ts";
import type { Clock } from "../../lib/clock.ts";
import { given } from "../../lib/values/records.ts";

/**
 * Sends an answer. An error of gRPC before the first message goes out as Trailers-Only, in one HEADERS frame that ends the
 * stream: clients with a retry policy take anything else for an answer that has begun, and do not try again (gRFC A6). A
 * caller that does not read its answer is cut off.
 */
export async function sendAnswer(answer: UniversalServerResponse, response: HttpResponse, clock: Clock): Promise<void> {
  const { header, trailer } = answer;
  const { isEmpty, body } = await begun(answer.body);
  const isRefused = trailer !== undefined && isEmpty && (trailer.get("grpc-status") ?? "0") !== "0";
  if (!isRefused) {
    const pieces = body === undefined ? undefined : takenPieces(body, response, clock);
    return universalResponseToNodeResponse({ ...answer, ...given({ body: pieces }) }, response);
  }
  const fields = { ...Object.fromEntries(header ?? []), ...Object.fromEntries(trailer) };
  delete fields["grpc-encoding"];
  endWithHeaders(response, fields);
}

function endWithHeaders(response: HttpResponse, fields: Readonly<Record<string, string>>): void {
  if ("stream" in response) {
    const { stream } = response;
    if (!stream.destroyed && !stream.closed) stream.respond({ ":status": 200, ...fields }, { endStream: true });
    return;
  }
  response.writeHead(200, { ...fields, "content-length": "0" });
  response.end();
}

interface Begun {
  readonly isEmpty: boolean;
  /** All of it, the first piece too. */
  readonly body?: AsyncIterable<Uint8Array> | undefined;
}

/** Waits for the first piece of a body or its end, after which its trailers are there if it has none. */
async function begun(body: UniversalServerResponse["body"]): Promise<Begun> {
  if (body === undefined) return { isEmpty: true };
  const iterator = body[Symbol.asyncIterator]();
  const first = await iterator.next();
  let isFirst = true;
  const next = () => {
    if (!isFirst) return iterator.next();
    isFirst = false;
    return Promise.resolve(first);
  };
  const { return: stop, throw: fail } = iterator;
  const rest: AsyncIterator<Uint8Array> = {
    next,
    ...(stop === undefined ? {} : { return: (value?: unknown) => stop.call(iterator, value) }),
    ...(fail === undefined ? {} : { throw: (error?: unknown) => fail.call(iterator, error) }),
  };
  return { isEmpty: first.done === true, body: { [Symbol.asyncIterator]: () => rest } };
}
