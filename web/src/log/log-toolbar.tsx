import { useState } from "react";
import { ActionButton } from "../ui/action-button.tsx";
import { useShortcuts } from "../ui/shortcuts.ts";
import { downloadOf } from "./download.ts";
import type { LogPlace } from "./follow-log.ts";
import { LogSearch } from "./log-search.tsx";
import type { ShownLog } from "./use-log.ts";

/** How a log is shown. */
export interface LogLook {
  readonly isWrapping: boolean;
  readonly times: "off" | "clock" | "since";
  readonly isFolded: boolean;
}

export const plainLook: LogLook = { isWrapping: false, times: "off", isFolded: false };

const nextTimes = { off: "clock", clock: "since", since: "off" } as const;
const timesText = { off: "Times", clock: "Times: clock", since: "Times: from start" } as const;

interface LogToolbarProps {
  readonly place: LogPlace;
  readonly log: ShownLog;
  readonly look: LogLook;
  readonly onLook: (look: LogLook) => void;
  readonly onFullScreen: () => void;
}

/** Search, ways through a log, and how it is shown; the same by keys. */
export function LogToolbar({ place, log: { view, counts }, look, onLook, onFullScreen }: LogToolbarProps) {
  const { firstError } = counts;
  const [missing, setMissing] = useState<number>();
  const goTo = (line: number) => {
    const isShown = view.current?.mark({ first: line, last: line }, "hit") === true;
    setMissing(isShown ? undefined : line);
  };
  const toFirstError = () => {
    if (firstError !== undefined) goTo(firstError);
  };
  const wrap = () => onLook({ ...look, isWrapping: !look.isWrapping });
  const changeTimes = () => onLook({ ...look, times: nextTimes[look.times] });
  const fold = () => {
    view.current?.foldAll(!look.isFolded);
    onLook({ ...look, isFolded: !look.isFolded });
  };
  const buttons = [
    { id: "error", text: "First error", keys: "n", run: toFirstError },
    { id: "start", text: "Start", keys: "s", run: () => view.current?.toStart() },
    { id: "end", text: "End", keys: "f", run: () => view.current?.toEnd() },
    { id: "fold", text: look.isFolded ? "Unfold" : "Fold", keys: "z", run: fold },
    { id: "wrap", text: "Wrap", keys: "w", run: wrap, isPressed: look.isWrapping },
    { id: "times", text: timesText[look.times], keys: "t", run: changeTimes, isPressed: look.times !== "off" },
    { id: "full-screen", text: "Full screen", keys: "x", run: onFullScreen },
  ];
  useShortcuts(buttons.map(({ keys, text, run }) => ({ keys, label: `Log: ${text}`, run })));
  return (
    <div className="flex flex-wrap items-center gap-2 border-base-300 border-b px-3 py-2">
      <LogSearch place={place} onGo={goTo} />
      <div className="ml-auto flex flex-wrap items-center gap-1">
        {buttons.map(({ id, text, run, isPressed }) => (
          <ActionButton
            key={id}
            testId={`log-${id}`}
            tone="quiet"
            size="xs"
            onClick={run}
            isPressed={isPressed}
            disabledReason={id === "error" && firstError === undefined ? "There is no error in this log" : undefined}
          >
            {text}
          </ActionButton>
        ))}
        <a className="btn btn-ghost btn-xs font-medium" href={downloadOf(place)} download data-testid="log-download">
          Download
        </a>
      </div>
      {missing !== undefined && (
        <p role="status" className="w-full text-warning text-xs" data-testid="log-not-shown">
          Line {missing.toLocaleString("en")} is not among the lines that are shown here: the download has it.
        </p>
      )}
    </div>
  );
}
