import { notFound } from "../../control/core/access.ts";
import { topics } from "../../control/core/control.ts";
import { openPhaseLog, type PhaseLog } from "../../control/runs/logs.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
import { isId, type RunId } from "../../lib/words/ids.ts";
import type { TfeAnswer } from "../core/answers.ts";
import type { TfeCall } from "../core/call.ts";
import type { ObjectAccess, ObjectCall } from "../core/objects.ts";
import { holdWishOf, untilNews } from "../core/waiting.ts";
import { framed, headBytes, type LogSegment, lengthOf, unframed } from "../mapping/log-frame.ts";

interface WantedLog {
  readonly runId: RunId;
  readonly phase: JobPhase;
}

/** Where the log of a phase is read, by whoever has the URL. */
export const logUrlOf = ({ urls, origin, who }: TfeCall, { runId, phase }: WantedLog): string =>
  urls.urlOf(origin, { kind: "log", method: "GET", id: `${runId}/${phase}`, keyId: who.id });

/** Reads logs from an offset. The terraform program is let wait for what is not there yet. */
export const logAccess: ObjectAccess = { read: readLog };

const defaultLimit = 65_536;
const maxLimit = 1024 * 1024;

async function readLog(call: ObjectCall): Promise<TfeAnswer> {
  const wanted = wantedLog(call.id);
  const offset = numberIn(call.query, "offset", 0, Number.MAX_SAFE_INTEGER);
  const limit = numberIn(call.query, "limit", defaultLimit, maxLimit);
  return { kind: "bytes", status: 200, type: "text/plain", bytes: await heldBytes(call, wanted, { offset, limit }) };
}

function wantedLog(id: string): WantedLog {
  const [runId = "", phase] = id.split("/");
  if (isId("run", runId) && (phase === "plan" || phase === "apply")) return { runId, phase };
  throw notFound("log", id);
}

/** What is no number is left out: nobody else reads these URLs but programs that write them so. */
function numberIn(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name) ?? "";
  return /^\d{1,15}$/.test(text) ? Math.min(Number(text), most) : otherwise;
}

interface Range {
  readonly offset: number;
  readonly limit: number;
}

async function heldBytes(call: ObjectCall, wanted: WantedLog, range: Range): Promise<Uint8Array> {
  const { control, holds, who } = call;
  const wish = holdWishOf(call);
  using hold = wish === undefined ? undefined : holds.enter(who.id);
  const most = hold === undefined ? 0 : Math.min(hold.forMs, wish?.kind === "asked" ? wish.ms : hold.forMs);
  const untilMs = control.clock.monotonicMs() + most;
  let watched: readonly string[] = [topics.run(wanted.runId)];
  for (;;) {
    const seen = control.wake.version(...watched);
    const log = await openPhaseLog(control, who, wanted);
    if (log.job !== undefined && watched.length === 1) {
      // The mark must be older than the read, for this job's topic too.
      watched = [topics.run(wanted.runId), topics.log(log.job.id)];
      continue;
    }
    const segments = framed(log, wanted.phase, await headOf(call, log));
    const bytes = await bytesOf(call, segments, range);
    if (bytes.length > 0 || log.isOver) return bytes;
    const timeoutMs = Math.min(untilMs - control.clock.monotonicMs(), pollMs);
    if ((await untilNews(call, { topics: watched, seen, timeoutMs })) === "over" && isLate(call, untilMs)) return bytes;
  }
}

/** The floor under the wake-ups. */
const pollMs = 2_000;

const isLate = ({ control, signal }: ObjectCall, untilMs: number): boolean =>
  signal.aborted || control.clock.monotonicMs() >= untilMs;

/** The beginning of what an agent has said first. */
async function headOf({ control }: ObjectCall, { attempts }: PhaseLog): Promise<Uint8Array> {
  const first = attempts.find(({ bytes }) => bytes > 0);
  return first === undefined ? new Uint8Array() : (await control.logs.read(first.stream, 0, headBytes)).bytes;
}

async function bytesOf({ control }: ObjectCall, segments: readonly LogSegment[], range: Range): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  let { offset, limit } = range;
  for (const segment of segments) {
    const length = lengthOf(segment);
    if (offset >= length) {
      offset -= length;
      continue;
    }
    while (limit > 0 && offset < length) {
      const most = Math.min(limit, length - offset);
      const bytes =
        segment.kind === "text"
          ? segment.bytes.subarray(offset, offset + most)
          : unframed((await control.logs.read(segment.stream, offset, most)).bytes);
      if (bytes.length === 0) return Buffer.concat(found);
      found.push(bytes);
      offset += bytes.length;
      limit -= bytes.length;
    }
    if (limit === 0) break;
    offset = 0;
  }
  return Buffer.concat(found);
}
