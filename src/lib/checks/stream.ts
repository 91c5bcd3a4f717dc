import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Client, ConnectError } from "@connectrpc/connect";
import { ProbeRequestSchema, type ProbeResponse, type SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { OutQueue } from "../async/queue.ts";
import type { Clock } from "../clock.ts";
import { shownSize } from "../text/size-text.ts";
import {
  failureText,
  http2Reason,
  isOwnAnswer,
  isTokenRefused,
  isUnknownMethod,
  needsHttp2,
  ownReason,
} from "../way/own-answer.ts";
import { type Check, fail, ok, skip, warn } from "./check.ts";
import { judgeClock } from "./network.ts";

/** The server, and as whom it is called. */
export interface StreamTarget {
  readonly client: Client<typeof SystemService>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly clock: Clock;
  /** For how long a stream is silent to find a time-out of such; 0 looks for none. */
  readonly idleMs: number;
}

/** Their ids, in their order. */
export const streamCheckIds = ["session", "round-trip", "body", "idle"] as const;

const kib = 1024;
const pieceBytes = 32 * kib;
const movedBytes = 2 * 1024 * kib;
/** The default of nginx. */
const usualBytes = 1024 * kib;
const pieces = movedBytes / pieceBytes;
/** So many requests wait for their answers at a time. */
const underWay = 8;
const roundTrips = 5;
const answerMs = 10_000;
const moveMs = 60_000;
/** Of a link on which pieces arrive one after the other: 250 kbit/s carry all that are under way in 9 s. */
const firstMs = 30_000;
/** Agents and followers have something on their streams at least this often. */
const talkMs = 25_000;

const proxyFix = "let the proxy speak HTTP/2 to both sides, and pass streams on as they come";
const packetFix =
  "packets that are too large vanish on the way: lower the MTU of this machine's interface (try 1280), or let the router clamp the MSS";
const sizeFix =
  "lift the limit (nginx: client_max_body_size 0); until then agents open new streams in time, and what is large travels in parts";

/**
 * Opens a stream as an agent's session is, moves 2 MiB each way through it and 2 MiB up in one call, and looks for a
 * time-out of silent streams: the checks `session`, `round-trip`, `body` and `idle`. What the way bounds is a warning,
 * what cannot work fails.
 */
export async function checkStreams(target: StreamTarget): Promise<readonly Check[]> {
  const session = await checkSession(target);
  if (session.some(({ fix }) => fix === packetFix)) {
    return [...session, skip("body", "not tried"), skip("idle", "not tried")];
  }
  if (session.some(({ status }) => status === "fail")) {
    return [...session, await checkBody(target), skip("idle", "not tried")];
  }
  return [...session, await checkBody(target), await checkIdle(target)];
}

/** Says whether the token is good; another one is advised only where Windlass itself refuses it. */
export function tokenFailure(error: unknown, newToken: string): Check {
  if (isTokenRefused(error)) return fail("token", failureText(error), newToken);
  const fix = isOwnAnswer(error)
    ? "see what the server says"
    : "nothing is known of the token: mend the way to the server first";
  return fail("token", failureText(error), fix);
}

/** Compares this machine's clock with the server's. Rejects when the server cannot be asked. */
export async function checkClock({ client, clock }: Pick<StreamTarget, "client" | "clock">): Promise<Check> {
  const { serverTime } = await client.getServerInfo({}, { timeoutMs: answerMs });
  if (serverTime === undefined) return skip("clock", "the server does not tell its time");
  return judgeClock(clock.now(), timestampDate(serverTime));
}

async function checkSession(target: StreamTarget): Promise<readonly Check[]> {
  await using probe = new Probe(target);
  try {
    const times = await talk(probe, target.clock);
    const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    const trip = ok("round-trip", `${Math.round(median)} ms on an open stream`);
    return [await move(probe, target.clock), trip];
  } catch (error) {
    return [judgeSession(error), skip("round-trip", "not tried")];
  }
}

/** How long each of some requests waits for its answer. */
async function talk(probe: Probe, clock: Clock): Promise<readonly number[]> {
  const times: number[] = [];
  for (let count = 0; count < roundTrips; count++) {
    const startedMs = clock.monotonicMs();
    probe.send({ answerBytes: 1 });
    await probe.answer(answerMs);
    times.push(clock.monotonicMs() - startedMs);
  }
  return times;
}

async function move(probe: Probe, clock: Clock): Promise<Check> {
  const startedMs = clock.monotonicMs();
  const chunk = new Uint8Array(pieceBytes);
  let answered = 0;
  let sent = 0;
  try {
    for (; sent < pieces; sent++) {
      probe.send({ chunk, answerBytes: pieceBytes });
      if (sent - answered < underWay) continue;
      await probe.answer(answered === 0 ? firstMs : moveMs);
      answered++;
    }
    for (; answered < pieces; answered++) await probe.answer(moveMs);
  } catch (error) {
    if (error instanceof NoAnswer && answered === 0) {
      return fail(
        "session",
        `small messages pass, and of ${shownSize(pieceBytes)} there is ${error.message}`,
        packetFix,
      );
    }
    const least = answered * pieceBytes;
    const isUsual = least <= usualBytes && (sent + 1) * pieceBytes >= usualBytes;
    const about = isUsual ? `${shownSize(usualBytes)} (nginx calls this client_max_body_size)` : shownSize(least);
    return warn("session", `the stream was ended after about ${about} each way: ${failureText(error)}`, sizeFix);
  }
  const seconds = Math.max(0.001, (clock.monotonicMs() - startedMs) / 1000);
  const speed = `${((movedBytes * 8) / 1e6 / seconds).toFixed(1)} Mbit/s`;
  return ok("session", `two-way stream: ${shownSize(movedBytes)} each way in ${seconds.toFixed(1)} s (${speed})`);
}

function judgeSession(error: unknown): Check {
  if (isUnknownMethod(error)) return skip("session", "the server is older and has no probe for it");
  if (ownReason(error) === http2Reason) return fail("session", needsHttp2, proxyFix);
  if (error instanceof NoAnswer)
    return fail("session", `${error.message}: something holds two-way streams back, or ${needsHttp2}`, proxyFix);
  if (isTokenRefused(error)) return fail("session", failureText(error), "see the check token");
  return fail("session", failureText(error), proxyFix);
}

async function checkBody({ client, headers = {} }: StreamTarget): Promise<Check> {
  const request = { pieces: 1, pieceBytes: 1, padding: new Uint8Array(movedBytes) };
  try {
    for await (const _piece of client.streamProbe(request, { headers, timeoutMs: moveMs }));
    return ok("body", `${shownSize(movedBytes)} pass in one call`);
  } catch (error) {
    if (ownReason(error) === "UPLOAD_TOO_LARGE") return skip("body", "the server is older and has no probe for it");
    if (isOwnAnswer(error)) return fail("body", failureText(error), "see the check token");
    return warn("body", `a call of ${shownSize(movedBytes)} does not pass: ${failureText(error)}`, sizeFix);
  }
}

async function checkIdle(target: StreamTarget): Promise<Check> {
  const { idleMs, clock } = target;
  if (idleMs === 0) return skip("idle", "not tried: --idle 60s looks for a time-out of silent streams");
  await using probe = new Probe(target);
  let startedMs = clock.monotonicMs();
  try {
    probe.send({ answerBytes: 1 });
    await probe.answer(answerMs);
    startedMs = clock.monotonicMs();
    const next = probe.answer(idleMs + answerMs);
    await Promise.race([clock.sleep(idleMs), next]);
    probe.send({ answerBytes: 1 });
    await next;
    return ok("idle", `a stream may be silent for ${Math.round(idleMs / 1000)} s`);
  } catch (error) {
    const silentMs = clock.monotonicMs() - startedMs;
    const seen = `a silent stream was ended after ${Math.round(silentMs / 1000)} s: ${failureText(error)}`;
    return silentMs < talkMs
      ? fail("idle", seen, "give the proxy time-outs of at least 60 s")
      : warn(
          "idle",
          seen,
          "longer time-outs of the proxy are better; streams of Windlass are never silent for so long",
        );
  }
}

/** No answer came in time. */
class NoAnswer extends Error {}

/** One two-way stream. Disposing it ends the call. */
class Probe implements AsyncDisposable {
  readonly #requests = new OutQueue<MessageInitShape<typeof ProbeRequestSchema>>({
    maxItems: 2 * underWay + roundTrips,
    maxBytes: 2 * underWay * pieceBytes,
  });
  readonly #over = new AbortController();
  readonly #answers: AsyncIterator<ProbeResponse>;
  readonly #clock: Clock;

  constructor({ client, headers = {}, clock }: StreamTarget) {
    this.#clock = clock;
    const answers = client.probe(this.#requests, { headers, signal: this.#over.signal });
    this.#answers = answers[Symbol.asyncIterator]();
  }

  send(request: MessageInitShape<typeof ProbeRequestSchema>): void {
    this.#requests.push("control", create(ProbeRequestSchema, request), request.chunk?.length ?? 0);
  }

  async answer(withinMs: number): Promise<ProbeResponse> {
    const done = new AbortController();
    const late = this.#clock.sleep(withinMs, done.signal).then(() => {
      throw new NoAnswer(`no answer within ${withinMs / 1000} s`);
    });
    late.catch(() => {});
    try {
      const step = await Promise.race([this.#answers.next(), late]);
      if (step.done === true) throw new ConnectError("the stream was ended");
      return step.value;
    } finally {
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#requests.close();
    this.#over.abort();
  }
}
