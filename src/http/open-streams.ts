import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { WindlassError } from "../lib/words/errors.ts";

/** Half of the calls that a connection may have at a time: the other half stays free for calls that end by themselves. */
export const maxOpenStreams = 1_000;

/**
 * How many watches and other open streams each connection has. Those who wait for nothing else never keep others
 * waiting.
 */
export class OpenStreams {
  readonly #open = new WeakMap<Http2Session, number>();

  /** Counts a call until it is over. Throws `quota_exceeded` if its connection has too many that may stay open. */
  enter({ methodKind, name }: DescMethod, stream: ServerHttp2Stream): void {
    const { session } = stream;
    if (session === undefined || methodKind === "unary" || methodKind === "client_streaming") return;
    const open = this.#open.get(session) ?? 0;
    if (open >= maxOpenStreams) throw tooMany(name);
    this.#open.set(session, open + 1);
    stream.once("close", () => this.#open.set(session, (this.#open.get(session) ?? 1) - 1));
  }
}

const tooMany = (name: string) =>
  new WindlassError(
    "quota_exceeded",
    `this connection has ${maxOpenStreams} open streams: end one before the next ${name}, or open another connection`,
    { metadata: { limit: String(maxOpenStreams) } },
  );
