import type { Principal } from "../../domain/people/principal.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
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
  readonly signal: AbortSignal;
}

/** Some lines of a log. */
export interface LogLines {
  readonly first: LineStart;
  readonly bytes: Uint8Array;
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
    return { first: firstLine, bytes: new Uint8Array(), count: 0, isEnd: true, epoch: 0, logBytes: 0 };
  const first =
    request.firstLine > 0
      ? await starts.byNumber(log.stream, request.firstLine, signal)
      : await starts.atOffset(log.stream, request.offset, signal);
  const read = await control.logs.read(log.stream, first.offset, pieceBytes);
  const { bytes, count } = upToLine(read.bytes, request.count === 0 ? defaultCount : request.count);
  const isEnd = first.offset + bytes.length >= read.length;
  return { first, bytes, count, isEnd, epoch: log.epoch, logBytes: read.length };
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
