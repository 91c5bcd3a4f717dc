import type { RunPhase } from "../../gen/windlass/v1/run_pb.ts";
import {
  GetRunLogLinesResponseSchema,
  type LogHit,
  LogHitSchema,
  SearchRunLogsResponseSchema,
} from "../../gen/windlass/v1/run_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { type Flag, text } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import type { LogSink } from "./log.ts";
import type { Runs } from "./target.ts";

/** Which text is looked for, and in which logs. */
export interface LogSearch {
  readonly runId: string;
  readonly text: string;
  readonly matchCase: boolean;
  readonly phases: readonly { readonly number: RunPhase; readonly name: string }[];
}

/** Hits that are shown of one log. */
const mostShown = 1_000;

/** Prints the lines of logs that have a text. */
export async function searchLogs(context: Context, client: Runs, search: LogSearch): Promise<void> {
  const { printer, notes } = context;
  let shown = 0;
  for (const { number, name } of search.phases) {
    const answer = await find(client, search, number);
    shown += answer.hits.length;
    const prefix = search.phases.length > 1 ? `${name}:` : "";
    if (printer.isForPeople) await printer.lines(answer.hits.map((hit) => `${prefix}${hit.line}: ${hitText(hit)}`));
    else if (printer.format === "json") await printer.event(SearchRunLogsResponseSchema, answer);
    else for (const hit of answer.hits) await printer.event(LogHitSchema, hit);
    if (answer.nextPageToken === "") continue;
    const many = answer.moreHits ? `more than ${answer.hitCount}` : String(answer.hitCount);
    notes.afterwards(`(the first ${counted(answer.hits.length, "line")} of ${many} in the log of the ${name})`);
  }
  if (shown === 0) throw new CliError("notFound", `no line of the log has ${JSON.stringify(search.text)}`);
}

/** The first hits in one log; a page may end before it has any. */
async function find(client: Runs, { runId, text, matchCase }: LogSearch, phase: RunPhase) {
  const hits: LogHit[] = [];
  for (let pageToken = ""; ; ) {
    const pageSize = mostShown - hits.length;
    const page = await client.searchRunLogs({ runId, phase, text, matchCase, pageToken, pageSize });
    hits.push(...page.hits);
    pageToken = page.nextPageToken;
    if (pageToken === "" || hits.length >= mostShown) return { ...page, hits };
  }
}

const hitText = ({ text, cutBefore, cutAfter }: LogHit): string =>
  `${cutBefore ? "…" : ""}${text}${cutAfter ? "…" : ""}`;

/** Lines from one number to another. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
}

/** `--lines 120-140`, or `--lines 120`. */
export const lineRange = (about: string): Flag<LineRange | undefined> => ({
  ...text(about, { placeholder: "N[-N]" }),
  read: ([given], name) => {
    if (given === undefined) return undefined;
    const [from = 0, to = from] = (/^\d{1,12}(-\d{1,12})?$/.test(given) ? given : "").split("-").map(Number);
    if (from >= 1 && to >= from) return { from, to };
    throw usageError(`${name} is a line or two, such as 120 or 120-140, not "${given}"`);
  },
});

interface WantedLines {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly lines: LineRange;
  readonly sink: LogSink;
}

/** Lines of one answer. */
const mostAtOnce = 10_000;

/** Prints some lines of a log. */
export async function printLines(
  { io, printer }: Context,
  client: Runs,
  { runId, phase, lines: { from, to }, sink }: WantedLines,
): Promise<void> {
  for (let firstLine = from; firstLine <= to; ) {
    const lineCount = Math.min(mostAtOnce, to - firstLine + 1);
    const request = { runId, phase, firstLine: BigInt(firstLine), lineCount, withTimes: sink.wantsTimes };
    const answer = await client.getRunLogLines(request);
    if (answer.chunk.length === 0 && firstLine === from)
      throw new CliError("notFound", `the log has no line ${from}: it has ${answer.firstLine - 1n} so far`);
    const { chunk: bytes, offset, times } = answer;
    if (printer.isForPeople) await sink.write({ bytes, offset: Number(offset), times }, io.signal);
    else await printer.event(GetRunLogLinesResponseSchema, answer);
    if (answer.end || answer.lineCount === 0) break;
    firstLine += answer.lineCount;
  }
  await sink.end(io.signal);
}
