import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { LogHit } from "../../control/logs/line-cutter.ts";
import type { LogLines } from "../../control/logs/lines.ts";
import type { SearchRequest } from "../../control/logs/search.ts";
import type {
  GetRunLogLinesResponseSchema,
  LogHitSchema,
  LogTimeSchema,
  SearchRunLogsRequest,
} from "../../gen/windlass/v1/run_service_pb.ts";
import { fromPage } from "./page.ts";
import { fromPhase } from "./run.ts";

/** What is looked for in which log. */
export const fromSearch = (request: SearchRunLogsRequest): Omit<SearchRequest, "signal"> => ({
  runId: request.runId,
  phase: fromPhase(request.phase),
  query: {
    text: request.text,
    matchesCase: request.matchCase,
    isAtStart: request.atLineStart,
    isAtEnd: request.atLineEnd,
  },
  page: fromPage(request),
});

export const toLogHit = ({
  line,
  offset,
  text,
  isCutBefore,
  isCutAfter,
}: LogHit): MessageInitShape<typeof LogHitSchema> => ({
  ...{ line: BigInt(line), offset: BigInt(offset), text, cutBefore: isCutBefore, cutAfter: isCutAfter },
});

export const toLogTime = ({ offset, at }: LogLines["times"][number]): MessageInitShape<typeof LogTimeSchema> => ({
  offset: BigInt(offset),
  time: timestampFromDate(at),
});

export const toLogLines = ({
  first,
  bytes,
  times,
  count,
  isEnd,
  epoch,
  logBytes,
}: LogLines): MessageInitShape<typeof GetRunLogLinesResponseSchema> => ({
  ...{ firstLine: BigInt(first.line), offset: BigInt(first.offset), chunk: bytes, lineCount: count, end: isEnd },
  ...{ epoch: BigInt(epoch), logBytes: BigInt(logBytes), times: times.map(toLogTime) },
});
