import type { Principal } from "../../domain/people/principal.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
import type { LogTime } from "../../store/ports/logs.ts";
import type { Control } from "../core/control.ts";
import { currentLog } from "../runs/logs.ts";
import { firstLine, type LineStart, type LineStarts, pieceBytes } from "./line-starts.ts";

/** Which lines of a log are wanted. */
export interface LinesRequest {
  readonly runId: string;
  readonly phase: JobPhase;
  /** From 1; 0 is the line in which the byte at `offset` stands. */
  readonly firstLine: number;
  readonly offset: number;
  /** 0 is 100. */
  readonly count: number;
  readonly withTimes?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** Some lines of a log. */
export interface LogLines {
  readonly first: LineStart;
  readonly bytes: Uint8Array;
  /** When the lines came, if that was asked for. */
  readonly times: readonly LogTime[];
  /** How many line ends there are in them. */
  readonly count: number;
  /** Nothing is stored behind them. */
  readonly isEnd: boolean;
  readonly epoch: number;
  readonly logBytes: number;
}

const defaultCount = 100;
const lineFeed = 0x0a;

/** Some lines out of the middle of a phase's log, at most 256 KiB of them. */
export async function getLogLines(
  control: Control,
  who: Principal,
  { starts, ...request }: LinesRequest & { readonly starts: LineStarts },
): Promise<LogLines> {
  const { signal } = request;
  const log = await currentLog(control, who, request);
  if (log === undefined)
    return { first: firstLine, bytes: new Uint8Array(), times: [], count: 0, isEnd: true, epoch: 0, logBytes: 0 };
  const first =
    request.firstLine > 0
      ? await starts.byNumber(log.stream, request.firstLine, signal)
      : await starts.atOffset(log.stream, request.offset, signal);
  const read = await control.logs.read(log.stream, first.offset, pieceBytes);
  const wanted = upToLine(read.bytes, request.count === 0 ? defaultCount : request.count);
  const place = { stream: log.stream, offset: first.offset };
  const { bytes, count, times } =
    request.withTimes === true ? await timedLines(control, { ...place, ...wanted }) : { ...wanted, times: [] };
  const isEnd = first.offset + bytes.length >= read.length;
  return { first, bytes, times, count, isEnd, epoch: log.epoch, logBytes: read.length };
}

type Lines = Pick<LogLines, "bytes" | "count">;

/** Lines of a stream with their times: fewer lines, but one, where they have more times than one look gives. */
async function timedLines(
  { logs }: Control,
  { stream, offset, ...lines }: Lines & { readonly stream: string; readonly offset: number },
): Promise<Lines & Pick<LogLines, "times">> {
  const end = offset + lines.bytes.length;
  const { times, upTo } = await logs.times(stream, offset, end);
  if (upTo >= end) return { ...lines, times };
  const whole = lines.bytes.subarray(0, upTo - offset).lastIndexOf(lineFeed) + 1;
  const fewer = whole > 0 ? upToLine(lines.bytes.subarray(0, whole), Infinity) : upToLine(lines.bytes, 1);
  return { ...fewer, times: times.filter((time) => time.offset < offset + fewer.bytes.length) };
}

/** The first lines of some bytes. */
function upToLine(bytes: Uint8Array, wanted: number): { readonly bytes: Uint8Array; readonly count: number } {
  let end = 0;
  let count = 0;
  while (count < wanted) {
    const feed = bytes.indexOf(lineFeed, end);
    if (feed < 0) return { bytes, count };
    end = feed + 1;
    count += 1;
  }
  return { bytes: bytes.subarray(0, end), count };
}
