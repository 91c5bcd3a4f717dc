import { useTransport } from "@connectrpc/connect-query";
import { type RefObject, useEffect, useRef, useState } from "react";
import type { LiveState } from "../data/keep-open.ts";
import { followLog, type LogPlace, type LogSink } from "./follow-log.ts";
import { LogReader } from "./log-reader.ts";
import { type LogCounts, LogView } from "./log-view.ts";

/** A log as its pane shows it. */
export interface ShownLog {
  readonly view: RefObject<LogView | undefined>;
  readonly counts: LogCounts;
  readonly unseen: number;
  readonly state: LiveState | "ended";
  /** What is wrong with the whole log. */
  readonly problem: string;
}

const nothing: LogCounts = { lines: 0, firstError: undefined };

/** Follows a log into an element. */
export function useLog(box: RefObject<HTMLElement | null>, { runId, phase }: LogPlace): ShownLog {
  const transport = useTransport();
  const view = useRef<LogView | undefined>(undefined);
  const [counts, setCounts] = useState(nothing);
  const [unseen, setUnseen] = useState(0);
  const [state, setState] = useState<LiveState | "ended">("connecting");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (box.current === null) return;
    const shown = new LogView(box.current, { onLines: setCounts, onUnseen: setUnseen });
    view.current = shown;
    const ending = new AbortController();
    const onEnd = (said: string) => {
      setState("ended");
      setProblem(said);
    };
    const sink = { ...sinkInto(shown, onEnd), onState: setState };
    void followLog(transport, { runId, phase }, sink, ending.signal);
    return () => {
      ending.abort();
      shown.clear();
    };
  }, [box, transport, runId, phase]);
  return { view, counts, unseen, state, problem };
}

/** Reads bytes into lines of a view. */
function sinkInto(view: LogView, onEnd: (problem: string) => void): Omit<LogSink, "onState"> {
  let reader = new LogReader();
  return {
    onBytes: (next) => view.add(reader.read(next)),
    onGap: (bytes) => {
      // What came before it stands before it, also a line that has no end.
      view.add(reader.end());
      view.add(reader.remark(`${bytes.toLocaleString("en")} bytes of log lost`));
    },
    onReset: () => {
      reader = new LogReader();
      view.clear();
      view.add(reader.remark("another attempt: its log begins here"));
    },
    onEnd: (problem) => {
      view.add(reader.end());
      if (problem !== "") view.add(reader.remark(problem));
      view.whenShown(() => onEnd(problem));
    },
  };
}
