import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";

export interface Call {
  readonly method: DescMethod;
  /** The secret; empty for none. */
  readonly credential: string;
  readonly request: object | readonly object[];
}

/** How long a call may take: none of them waits for anything. */
const patienceMs = 10_000;

/** Makes a call of any kind, and reads at most one answer. Rejects as the call does. */
export async function callOnce(
  transport: Transport,
  { method, credential, request }: Call,
): Promise<Message | undefined> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error(`${method.name} does not answer`)), patienceMs);
  const header = credential === "" ? {} : { authorization: `Bearer ${credential}` };
  const requests = (Array.isArray(request) ? request : [request]).map((one) => create(method.input, one));
  try {
    if (method.methodKind === "unary") {
      const unary = method as DescMethodUnary;
      return (await transport.unary(unary, stop.signal, undefined, header, requests[0] ?? {})).message;
    }
    const isTalk = method.methodKind === "bidi_streaming";
    const sent = inOrder(requests, isTalk ? stop.signal : undefined);
    const { message } = await transport.stream(method as DescMethodStreaming, stop.signal, undefined, header, sent);
    for await (const first of message) return first;
    return undefined;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** The messages; with a signal the stream stays open until it is aborted. */
async function* inOrder(requests: readonly Message[], open?: AbortSignal) {
  yield* requests as never[];
  if (open === undefined || open.aborted) return;
  await new Promise((resolve) => open.addEventListener("abort", resolve, { once: true }));
}

/**
 * `OK`, or `NotFound NOT_FOUND`: the status and the reason of the refusal. An answer that names one of the ids which the
 * caller must not see is not OK.
 */
export async function outcomeOf(transport: Transport, call: Call, hidden: readonly string[]): Promise<string> {
  try {
    const answer = await callOnce(transport, call);
    const text = answer === undefined ? "" : JSON.stringify(toJson(call.method.output, answer));
    const leaks = hidden.filter((id) => text.includes(id));
    return leaks.length === 0 ? "OK" : `OK, but shows ${leaks.join(", ")}`;
  } catch (error) {
    const failure = ConnectError.from(error);
    const [info] = failure.findDetails(ErrorInfoSchema);
    return `${Code[failure.code]} ${info?.reason ?? `without a reason: ${failure.rawMessage}`}`;
  }
}
