import { useTransport } from "@connectrpc/connect-query";
import { type RefObject, useEffect, useRef, useState } from "react";
import type { LiveState } from "../data/keep-open.ts";
import { followLog, type LogPlace } from "./follow-log.ts";
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

/** Follows a log into an element; `onLoaded` when something of it is shown for the first time, and at its end. */
export function useLog(
  box: RefObject<HTMLElement | null>,
  { runId, phase, knownBytes }: LogPlace,
  onLoaded: (view: LogView) => void,
): ShownLog {
  const transport = useTransport();
  const view = useRef<LogView | undefined>(undefined);
  const [counts, setCounts] = useState(nothing);
  const [unseen, setUnseen] = useState(0);
  const [state, setState] = useState<LiveState | "ended">("connecting");
  const [problem, setProblem] = useState("");
  const known = useRef(knownBytes);
  const loaded = useRef(onLoaded);
  loaded.current = onLoaded;
  useEffect(() => {
    if (box.current === null) return;
    const shown = new LogView(box.current, { onLines: setCounts, onUnseen: setUnseen });
    view.current = shown;
    const ending = new AbortController();
    let reader = new LogReader();
    const sink = {
      onState: setState,
      onBytes: (bytes: Uint8Array, isLive: boolean) => shown.add(reader.read(bytes, isLive ? new Date() : undefined)),
      onGap: (bytes: number) => shown.add([reader.remark(`${bytes.toLocaleString("en")} bytes of log lost`)]),
      onReset: () => {
        reader = new LogReader();
        shown.clear();
        shown.add([reader.remark("another attempt: its log begins here")]);
      },
      onEnd: (said: string) => {
        shown.add(reader.end());
        shown.flush();
        setState("ended");
        setProblem(said);
        loaded.current(shown);
      },
    };
    void followLog(transport, { runId, phase, knownBytes: known.current }, sink, ending.signal);
    return () => {
      ending.abort();
      shown.clear();
    };
  }, [box, transport, runId, phase]);
  return { view, counts, unseen, state, problem };
}
