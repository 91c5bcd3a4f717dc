import "./log.css";
import { type MouseEvent, useEffect, useRef, useState } from "react";
import { ActionButton } from "../ui/action-button.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { countText } from "../ui/format.ts";
import { useShortcuts } from "../ui/shortcuts.ts";
import { downloadOf } from "./download.ts";
import type { LogPlace } from "./follow-log.ts";
import { hashOf, type LineRange, lineRangeOf } from "./line-range.ts";
import { LogSearch } from "./log-search.tsx";
import { useLog } from "./use-log.ts";

type Times = "off" | "clock" | "since";
const nextTimes: Readonly<Record<Times, Times>> = { off: "clock", clock: "since", since: "off" };
const timesText: Readonly<Record<Times, string>> = { off: "Times", clock: "Times: clock", since: "Times: from start" };

interface LogPaneProps {
  readonly place: LogPlace;
  /** For readers of screens: "Log of the plan". */
  readonly label: string;
}

/** A log, live while it grows. */
export function LogPane({ place, label }: LogPaneProps) {
  const frame = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [isWrapping, setIsWrapping] = useState(false);
  const [times, setTimes] = useState<Times>("off");
  const [isFolded, setIsFolded] = useState(false);
  const [range, setRange] = useState<LineRange | undefined>(() => lineRangeOf(window.location.hash));
  const { view, counts, unseen, state, problem } = useLog(box, place, () => undefined);
  const isWaitingForLine = useRef(range !== undefined);
  useEffect(() => {
    if (!isWaitingForLine.current || range === undefined || counts.lines < range.last) return;
    isWaitingForLine.current = false;
    view.current?.mark(range);
  }, [counts.lines, range, view]);
  useEffect(() => {
    const onHash = () => setRange(lineRangeOf(window.location.hash));
    window.addEventListener("hashchange", onHash);
    return () => window.removeEventListener("hashchange", onHash);
  }, []);

  const pick = (event: MouseEvent) => {
    const number = numberAt(event);
    if (number === undefined) return;
    const next =
      event.shiftKey && range !== undefined ? spanning(range.first, number) : { first: number, last: number };
    window.history.replaceState(window.history.state, "", hashOf(next));
    setRange(next);
    view.current?.mark(next);
  };
  const toFirstError = () => {
    if (counts.firstError !== undefined)
      view.current?.mark({ first: counts.firstError, last: counts.firstError }, "hit");
  };
  const fold = () => {
    view.current?.foldAll(!isFolded);
    setIsFolded(!isFolded);
  };
  const toggleFullScreen = () =>
    void (document.fullscreenElement === null ? frame.current?.requestFullscreen() : document.exitFullscreen());
  useShortcuts([
    { keys: "f", label: "Follow the log", run: () => view.current?.toEnd() },
    { keys: "w", label: "Wrap long lines", run: () => setIsWrapping((now) => !now) },
    { keys: "t", label: "Times of lines", run: () => setTimes((now) => nextTimes[now]) },
    { keys: "n", label: "First error", run: toFirstError },
    { keys: "z", label: "Fold or unfold sections", run: fold },
  ]);
  const isOver = state === "ended";
  return (
    <div ref={frame} className="panel flex flex-col overflow-hidden" data-testid="log-pane">
      <div className="flex flex-wrap items-center gap-2 border-base-300 border-b px-3 py-2">
        <LogSearch place={place} onGo={(line) => view.current?.mark({ first: line, last: line }, "hit")} />
        <div className="ml-auto flex flex-wrap items-center gap-1">
          <ActionButton
            testId="log-error"
            tone="quiet"
            size="xs"
            onClick={toFirstError}
            disabledReason={counts.firstError === undefined ? "There is no error in this log" : undefined}
          >
            First error
          </ActionButton>
          <ActionButton testId="log-start" tone="quiet" size="xs" onClick={() => view.current?.toStart()}>
            Start
          </ActionButton>
          <ActionButton testId="log-end" tone="quiet" size="xs" onClick={() => view.current?.toEnd()}>
            End
          </ActionButton>
          <ActionButton testId="log-fold" tone="quiet" size="xs" onClick={fold}>
            {isFolded ? "Unfold" : "Fold"}
          </ActionButton>
          <ActionButton
            testId="log-wrap"
            tone="quiet"
            size="xs"
            isPressed={isWrapping}
            onClick={() => setIsWrapping(!isWrapping)}
          >
            Wrap
          </ActionButton>
          <ActionButton
            testId="log-times"
            tone="quiet"
            size="xs"
            isPressed={times !== "off"}
            onClick={() => setTimes(nextTimes[times])}
          >
            {timesText[times]}
          </ActionButton>
          <ActionButton testId="log-full-screen" tone="quiet" size="xs" onClick={toggleFullScreen}>
            Full screen
          </ActionButton>
          <a className="btn btn-ghost btn-xs font-medium" href={downloadOf(place)} download data-testid="log-download">
            Download
          </a>
        </div>
      </div>
      {range !== undefined && (
        <div className="quiet flex items-center gap-1 border-base-300 border-b px-3 py-1 text-xs">
          {range.first === range.last ? `Line ${range.first}` : `Lines ${range.first} to ${range.last}`}
          <CopyButton text={window.location.href.replace(/#.*/, "") + hashOf(range)} what="link" />
          <CopyButton
            text={`\`\`\`\n${view.current?.textOf(range) ?? ""}\n\`\`\``}
            what="lines as Markdown"
            testId="copy-lines"
          />
        </div>
      )}
      {times !== "off" && (
        <p className="quiet border-base-300 border-b px-3 py-1 text-xs">
          Logs carry no times: lines that come while this page is open get the time at which they came.
        </p>
      )}
      <div className="relative min-h-0 grow">
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: line numbers are picked with the mouse; the address does the same */}
        <div
          ref={box}
          role="log"
          aria-live="off"
          aria-label={label}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls has to be reached by keyboard
          tabIndex={0}
          className="log scroll-mt-4 scroll-mb-24 h-[min(65dvh,48rem)] [:fullscreen_&]:h-full"
          data-wraps={isWrapping}
          data-times={times}
          data-testid="log"
          data-state={state}
          onScroll={() => view.current?.scrolled()}
          onClick={pick}
        />
        {counts.lines === 0 && (
          <p className="quiet pointer-events-none absolute inset-x-0 top-6 text-center text-sm">
            {isOver ? "This log is empty." : "Waiting for the first line…"}
          </p>
        )}
        {unseen > 0 && (
          <button
            type="button"
            className="btn btn-primary btn-sm -translate-x-1/2 absolute bottom-3 left-1/2 rounded-full shadow-lg"
            onClick={() => view.current?.toEnd()}
            data-testid="log-follow"
          >
            ↓ {countText(unseen, "new line")}
          </button>
        )}
      </div>
      <div role="status" className="quiet flex flex-wrap gap-x-4 border-base-300 border-t px-3 py-1.5 text-xs">
        <span>{countText(counts.lines, "line")}</span>
        <span>{stateTexts[state]}</span>
        {problem !== "" && <span className="text-warning">{problem}</span>}
      </div>
    </div>
  );
}

const stateTexts = {
  connecting: "Opening…",
  live: "Live",
  reconnecting: "Reconnecting… What is here stays.",
  asleep: "Paused while nobody looks",
  ended: "Complete",
} as const;

const spanning = (a: number, b: number): LineRange => ({ first: Math.min(a, b), last: Math.max(a, b) });

const gutterPx = 68;

/** The number of the line whose number was clicked. */
function numberAt({ target, clientX }: MouseEvent): number | undefined {
  if (!(target instanceof HTMLElement)) return undefined;
  const line = target.closest<HTMLElement>(".log-line");
  if (line?.dataset.n === undefined || clientX - line.getBoundingClientRect().left > gutterPx) return undefined;
  return Number(line.dataset.n);
}
