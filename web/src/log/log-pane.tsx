import "./log.css";
import { type RefObject, useRef, useState } from "react";
import { CopyButton } from "../ui/copy-button.tsx";
import { countText } from "../ui/format.ts";
import type { LogPlace } from "./follow-log.ts";
import { hashOf } from "./line-range.ts";
import { type LogLook, LogToolbar, plainLook } from "./log-toolbar.tsx";
import { type ShownLog, useLog } from "./use-log.ts";
import { type PickedLines, usePickedLines } from "./use-picked-lines.ts";

interface LogPaneProps {
  readonly place: LogPlace;
  /** For readers of screens: "Log of the plan". */
  readonly label: string;
}

/** A log, live while it grows. */
export function LogPane({ place, label }: LogPaneProps) {
  const frame = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [look, setLook] = useState(plainLook);
  const log = useLog(box, place);
  const picked = usePickedLines(log);
  const toggleFullScreen = () =>
    void (document.fullscreenElement === null ? frame.current?.requestFullscreen() : document.exitFullscreen());
  return (
    <div ref={frame} className="panel flex flex-col overflow-hidden" data-testid="log-pane">
      <LogToolbar place={place} log={log} look={look} onLook={setLook} onFullScreen={toggleFullScreen} />
      <PickedNote log={log} picked={picked} />
      {look.times !== "off" && (
        <p className="quiet border-base-300 border-b px-3 py-1 text-xs">
          When the server got each line, to the second. Lines that an older windlassd stored have no time.
        </p>
      )}
      <LogBox box={box} label={label} log={log} look={look} picked={picked} />
      <div role="status" className="quiet flex flex-wrap gap-x-4 border-base-300 border-t px-3 py-1.5 text-xs">
        <span>{countText(log.counts.lines, "line")}</span>
        <span>{stateTexts[log.state]}</span>
        {log.problem !== "" && <span className="text-warning">{log.problem}</span>}
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

/** Which lines are picked, to be given to others. */
function PickedNote({
  log: { view },
  picked: { range, isMissing },
}: {
  readonly log: ShownLog;
  readonly picked: PickedLines;
}) {
  if (range === undefined) return null;
  const name = range.first === range.last ? `Line ${range.first}` : `Lines ${range.first} to ${range.last}`;
  return (
    <div
      className="quiet flex items-center gap-1 border-base-300 border-b px-3 py-1 text-xs"
      data-testid="picked-lines"
    >
      {isMissing ? `${name}: not among the lines that are shown here` : name}
      <CopyButton text={window.location.href.replace(/#.*/, "") + hashOf(range)} what="link" />
      <CopyButton
        text={() => `\`\`\`\n${view.current?.textOf(range) ?? ""}\n\`\`\``}
        what="lines as Markdown"
        testId="copy-lines"
      />
    </div>
  );
}

interface LogBoxProps {
  readonly box: RefObject<HTMLDivElement | null>;
  readonly label: string;
  readonly log: ShownLog;
  readonly look: LogLook;
  readonly picked: PickedLines;
}

/** The lines in a box of their own that scrolls. */
function LogBox({ box, label, log: { view, counts, unseen, state }, look, picked }: LogBoxProps) {
  return (
    <div className="relative min-h-0 grow">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: line numbers are picked with the mouse; the address does the same */}
      <div
        ref={box}
        role="log"
        aria-live="off"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls has to be reached by keyboard
        tabIndex={0}
        className="log h-[min(65dvh,48rem)] scroll-mt-4 scroll-mb-24 [:fullscreen_&]:h-full"
        data-wraps={look.isWrapping}
        data-times={look.times}
        data-testid="log"
        data-state={state}
        onScroll={() => view.current?.scrolled()}
        onClick={picked.pick}
      />
      {counts.lines === 0 && (
        <p className="quiet pointer-events-none absolute inset-x-0 top-6 text-center text-sm">
          {state === "ended" ? "This log is empty." : "Waiting for the first line…"}
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
  );
}
