import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, skipToken } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type LogHit, RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { problemOf } from "../data/problem.ts";
import { classes } from "../ui/class-names.ts";
import { countText } from "../ui/format.ts";
import { SearchBox } from "../ui/search-box.tsx";
import type { LogPlace } from "./follow-log.ts";

interface LogSearchProps {
  readonly place: LogPlace;
  /** How many lines there are: a log that grows is searched again. */
  readonly onGo: (line: number) => void;
}

const hitsAtOnce = 200;

/** Searches the whole log on the server, also what is folded or not shown. Enter goes to the next hit, Shift+Enter to the one before. */
export function LogSearch({ place: { runId, phase }, onGo }: LogSearchProps) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(-1);
  /** A text for whose first hit somebody waits. */
  const [awaited, setAwaited] = useState("");
  const input = text === "" ? skipToken : { runId, phase, text, pageSize: hitsAtOnce };
  const { data, error, isPlaceholderData } = useQuery(RunService.method.searchRunLogs, input, {
    placeholderData: keepPreviousData,
  });
  const isAnswered = text !== "" && data !== undefined && !isPlaceholderData;
  const hits = text === "" ? [] : (data?.hits ?? []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text begins anew
  useEffect(() => setAt(-1), [text]);
  const go = (index: number) => {
    const hit = hits[(index + hits.length) % hits.length];
    if (hit === undefined) return;
    // Hits of the text before have no place among those that come.
    if (isAnswered) setAt((index + hits.length) % hits.length);
    onGo(Number(hit.line));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the answer is there
  useEffect(() => {
    if (awaited !== text || !isAnswered) return;
    setAwaited("");
    go(0);
  }, [awaited, text, isAnswered]);
  /** Whoever is quicker than the search goes to its first hit once it is there. */
  const enter = (typed: string, step: number) => {
    if (typed === text && isAnswered) return go(at + step);
    setText(typed);
    setAwaited(typed);
  };
  return (
    <search
      className="contents"
      onKeyDown={(event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        const typed = event.target instanceof HTMLInputElement ? event.target.value.trim() : text;
        enter(typed, event.shiftKey ? -1 : 1);
      }}
    >
      <SearchBox label="Search the whole log" value={text} onChange={setText} testId="log-search" />
      <span role="status" className="quiet text-xs" data-testid="log-hits">
        {text !== "" &&
          (error === null
            ? hitsText(isAnswered ? data.hitCount : undefined, data?.moreHits === true, at)
            : problemOf(error).message)}
      </span>
      {hits.length > 0 && <Hits hits={hits} at={at} onGo={go} />}
    </search>
  );
}

function hitsText(count: number | undefined, hasMore: boolean, at: number): string {
  if (count === undefined) return "Searching…";
  if (count === 0) return "No line has it";
  const all = `${hasMore ? "more than " : ""}${countText(count, "line")}`;
  return at < 0 ? all : `${at + 1} of ${all}`;
}

function Hits({
  hits,
  at,
  onGo,
}: {
  readonly hits: readonly LogHit[];
  readonly at: number;
  readonly onGo: (index: number) => void;
}) {
  return (
    <ol
      className="order-last max-h-40 w-full overflow-y-auto rounded-field border border-base-300 bg-base-100 font-mono text-xs"
      aria-label="Lines with it"
    >
      {hits.map((hit, index) => (
        <li key={String(hit.offset)}>
          <button
            type="button"
            onClick={() => onGo(index)}
            aria-current={index === at}
            className={classes(
              "flex w-full gap-3 px-2 py-0.5 text-left hover:bg-base-200",
              index === at && "bg-base-content/8",
            )}
            data-testid="log-hit"
          >
            <span className="quiet w-12 shrink-0 text-right">{String(hit.line)}</span>
            <span className="min-w-0 truncate whitespace-pre">{hit.text}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}
