import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import { LineStarts } from "../../control/logs/line-starts.ts";
import { getLogLines } from "../../control/logs/lines.ts";
import { searchLog } from "../../control/logs/search.ts";
import { followLog, type LogPiece } from "../../control/runs/logs.ts";
import { ReadAheadPlaces } from "../../control/runs/read-ahead.ts";
import {
  LogHitSchema,
  type RunService,
  type StreamRunLogsResponseSchema,
} from "../../gen/windlass/v1/run_service_pb.ts";
import { Budget } from "../../lib/async/budget.ts";
import { callerName, callerOf, sendsInTurnKey } from "../calls/caller.ts";
import { toPage } from "../mapping/page.ts";
import { fromPhase, logStates } from "../mapping/run.ts";
import { fromSearch, toLogHit, toLogLines, toLogTime } from "../mapping/run-logs.ts";
import { withSigns } from "../streams/signs-of-life.ts";

type LogMessage = MessageInitShape<typeof StreamRunLogsResponseSchema>;

/** Says where a log stands, and that nothing new is there. */
const emptyPiece = (last: LogPiece | undefined, from: number): LogPiece => ({
  offset: last?.nextOffset ?? from,
  nextOffset: last?.nextOffset ?? from,
  epoch: last?.epoch ?? 0,
  bytes: new Uint8Array(),
  times: [],
  isEnd: false,
  missingBytes: 0,
  state: "none",
  problem: "",
});

const logMessage = (piece: LogPiece): LogMessage => ({
  offset: BigInt(piece.offset),
  chunk: piece.bytes,
  times: piece.times.map(toLogTime),
  epoch: BigInt(piece.epoch),
  end: piece.isEnd,
  missingBytes: BigInt(piece.missingBytes),
  logState: logStates[piece.state],
  logProblem: piece.problem,
});

export type LogReads = "searchRunLogs" | "getRunLogLines" | "streamRunLogs";

/** Each may hold 2 MiB. */
const readersAhead = 16;

/** Looks through logs share the event loop with everybody: few at once, and fewer of one key. */
const looksAtOnce = { what: "looks through logs at once", total: 4, perKey: 2, waitMs: 10_000, maxWaiting: 20 };

/** What reads the logs of runs. */
export function logReads(control: Control): Pick<ServiceImpl<typeof RunService>, LogReads> {
  const looks = new Budget({ ...looksAtOnce, clock: control.clock });
  const starts = new LineStarts(control.logs);
  const places = new ReadAheadPlaces(readersAhead);
  return {
    searchRunLogs: async (request, context) => {
      const { signal } = context;
      using _turn = await looks.take(callerName(context.values), 1, signal);
      const found = await searchLog(control, callerOf(context), { ...fromSearch(request), signal });
      const { messages: hits, nextPageToken } = toPage(found, LogHitSchema, toLogHit);
      const { count: hitCount, hasMore: moreHits, isLogComplete: logComplete, epoch } = found;
      return { hits, nextPageToken, hitCount, moreHits, epoch: BigInt(epoch), logComplete };
    },
    getRunLogLines: async ({ runId, phase, firstLine, offset, lineCount, withTimes }, context) => {
      const { signal } = context;
      using _turn = await looks.take(callerName(context.values), 1, signal);
      const wanted = { firstLine: Number(firstLine), offset: Number(offset), count: lineCount, withTimes };
      const request = { runId, phase: fromPhase(phase), ...wanted, starts, signal };
      return toLogLines(await getLogLines(control, callerOf(context), request));
    },
    async *streamRunLogs(asked, context): AsyncGenerator<LogMessage> {
      const { runId, phase, offset, follow, maxBytes, withTimes } = asked;
      if (follow && maxBytes > 0n) throw invalid("max_bytes", "a log is followed to its end: leave one of them out");
      const request = {
        runId,
        phase: fromPhase(phase),
        offset: Number(offset),
        follows: follow,
        maxBytes: maxBytes === 0n ? undefined : Number(maxBytes),
        withTimes,
        places,
        giving: context.values.get(sendsInTurnKey) ? ("lent" as const) : undefined,
        signal: context.signal,
      };
      const pieces = followLog(control, callerOf(context), request);
      const sign = (last: LogPiece | undefined) => emptyPiece(last, request.offset);
      for await (const piece of withSigns(pieces, { clock: control.clock, sign })) yield logMessage(piece);
    },
  };
}
