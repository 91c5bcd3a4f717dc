import { setImmediate as nextTurn } from "node:timers/promises";
import type { Principal } from "../../domain/people/principal.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
import { type LineQuery, LogMatcher } from "../../domain/runs/log-lines.ts";
import type { Control } from "../core/control.ts";
import { cursorBy, cursorOf, malformedToken } from "../core/cursor.ts";
import { type Page, type PageRequest, pageSize } from "../core/pages.ts";
import { type CurrentLog, currentLog } from "../runs/logs.ts";
import { LineCutter, type LogHit } from "./line-cutter.ts";
import { firstLine, type LineStart, pieceBytes } from "./line-starts.ts";

export interface SearchRequest {
  readonly runId: string;
  readonly phase: JobPhase;
  readonly query: LineQuery;
  readonly page: PageRequest;
  readonly signal: AbortSignal;
}

/** A page of what was found. */
export interface LogHits extends Page<LogHit> {
  /** Those of the pages before and after included, as far as they were counted. */
  readonly count: number;
  /** There are more than that, or there may be. */
  readonly hasMore: boolean;
  readonly epoch: number;
  readonly isLogComplete: boolean;
}

/** No further hits are counted, and no longer looked for in one call. */
const mostCounted = 10_000;
const searchMs = 5_000;

/** Where a text stands in the log of a phase, in the order of the log. */
export async function searchLog(control: Control, who: Principal, request: SearchRequest): Promise<LogHits> {
  const log = await currentLog(control, who, request);
  const asked = request.page.token === "" ? undefined : placeCursor.decode(request.page.token);
  const epoch = log?.epoch ?? 0;
  const place = asked?.epoch === epoch ? asked : { ...beginning, epoch };
  const wanted = pageSize(request.page.size);
  const found = log === undefined ? nothing : await lookThrough(control, { ...request, log, place, wanted });
  return pageOf(place, wanted, found);
}

/** Where a page begins: at the start of a line, of which and of those before nothing is told again. */
interface Place extends LineStart {
  readonly epoch: number;
  /** Number of the last line that was told. */
  readonly after: number;
  /** How many hits were told before it. */
  readonly told: number;
  /** How many there are, as far as was counted, and whether that is all. */
  readonly counted: number;
  readonly isAll: boolean;
}

const beginning: Omit<Place, "epoch"> = { ...firstLine, after: 0, told: 0, counted: 0, isAll: false };

const placeCursor = cursorBy(cursorOf("number", "number", "number", "number", "number", "number", "number"), {
  toTuple: ({ epoch, line, offset, after, told, counted, isAll }: Place) =>
    [epoch, line, offset, after, told, counted, isAll ? 1 : 0] as const,
  toPlace: ([epoch, line, offset, after, told, counted, isAll]): Place => {
    if ([epoch, line - 1, offset, after, told, counted].some((number) => number < 0)) throw malformedToken();
    return { epoch, line, offset, after, told, counted, isAll: isAll === 1 };
  },
});

interface Found {
  /** As many as the page has, and one more if there is one. */
  readonly hits: readonly LogHit[];
  readonly count: number;
  /** Why the search ended: with the log, with enough hits, or with its time, and where it goes on then. */
  readonly end: "log" | "enough" | LineStart;
  readonly isLogComplete: boolean;
}

const nothing: Found = { hits: [], count: 0, end: "log", isLogComplete: false };

interface Look extends Pick<SearchRequest, "query" | "signal"> {
  readonly log: CurrentLog;
  readonly place: Place;
  readonly wanted: number;
}

async function lookThrough(
  { logs, clock }: Pick<Control, "logs" | "clock">,
  { log, place, wanted, query, signal }: Look,
): Promise<Found> {
  const untilMs = clock.monotonicMs() + searchMs;
  const cutter = new LineCutter(new LogMatcher(query), place);
  const hits: LogHit[] = [];
  // Only the first page counts what does not stand on it.
  const most = place.after === 0 ? mostCounted : wanted + 1;
  let count = 0;
  for (let next = place.offset; ; ) {
    signal.throwIfAborted();
    const read = await logs.read(log.stream, next, pieceBytes);
    const isEnd = read.bytes.length === 0;
    const found = (isEnd ? cutter.end() : cutter.take(read.bytes)).filter(({ line }) => line > place.after);
    hits.push(...found.slice(0, wanted + 1 - hits.length));
    count += found.length;
    const isLate = clock.monotonicMs() >= untilMs && cutter.at.line > place.line;
    const end = isEnd ? "log" : count >= most ? "enough" : isLate ? cutter.at : undefined;
    if (end !== undefined) return { hits, count, end, isLogComplete: log.isOver(read) };
    next = read.nextOffset;
    await nextTurn();
  }
}

function pageOf(place: Place, wanted: number, { hits, count, end, isLogComplete }: Found): LogHits {
  const isAll = place.isAll || end === "log";
  const counted = Math.max(place.counted, Math.min(place.told + count, mostCounted));
  const tokenFrom = (start: LineStart, after: number, told: number): string =>
    placeCursor.encode({ ...start, epoch: place.epoch, after, told: place.told + told, counted, isAll });
  const tokenAfter = (rows: number): string => {
    const last = hits[rows - 1];
    if (last === undefined) throw malformedToken();
    return tokenFrom(last, last.line, rows);
  };
  const rows = hits.slice(0, wanted);
  const goesOn = typeof end === "object" ? tokenFrom(end, end.line - 1, hits.length) : "";
  const nextToken = hits.length > wanted ? tokenAfter(wanted) : goesOn;
  return { rows, tokenAfter, nextToken, count: counted, hasMore: !isAll, epoch: place.epoch, isLogComplete };
}
