import type { HttpResponse } from "../http/messages.ts";
import { sendPieces } from "../http/send-pieces.ts";
import type { Clock } from "../lib/clock.ts";

export type WebHeaders = Readonly<Record<string, string>>;

export interface WebAnswer {
  readonly status: number;
  readonly headers: WebHeaders;
  /** Nothing for an answer that is only headers. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

interface Sending {
  readonly isHead: boolean;
  readonly clock: Clock;
}

/** Sends an answer; resolves when all of it is on its way, or its receiver is gone. */
export async function sendWeb(
  { status, headers, body }: WebAnswer,
  response: HttpResponse,
  { isHead, clock }: Sending,
): Promise<void> {
  if (isPieces(body) && (isHead || response.destroyed)) await body[Symbol.asyncIterator]().return?.();
  if (response.destroyed) return;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (isPieces(body)) {
    if (isHead) response.end();
    else await sendPieces(response, body, clock);
    return;
  }
  if (body === undefined) {
    response.end();
    return;
  }
  const whole = Buffer.from(body);
  response.setHeader("content-length", String(whole.length));
  response.end(isHead ? "" : whole);
}

const isPieces = (body: WebAnswer["body"]): body is AsyncIterable<Uint8Array> =>
  typeof body === "object" && Symbol.asyncIterator in body;
