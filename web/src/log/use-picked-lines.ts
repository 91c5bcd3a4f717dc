import { type MouseEvent, useEffect, useRef, useState } from "react";
import { hashOf, type LineRange, lineRangeOf } from "./line-range.ts";
import type { ShownLog } from "./use-log.ts";

/** The lines that the address names. */
export interface PickedLines {
  readonly range: LineRange | undefined;
  /** They are not among the lines that are shown. */
  readonly isMissing: boolean;
  /** Picks the line whose number is clicked; with Shift those up to it. */
  pick(event: MouseEvent): void;
}

const ofAddress = () => lineRangeOf(window.location.hash);

/** Keeps the lines that the address names marked, and goes to them when they are there. */
export function usePickedLines({ view, counts, state }: ShownLog): PickedLines {
  const [range, setRange] = useState(ofAddress);
  const [isMissing, setIsMissing] = useState(false);
  const awaited = useRef(range);
  useEffect(() => {
    const onHash = () => {
      awaited.current = ofAddress();
      setRange(awaited.current);
    };
    window.addEventListener("hashchange", onHash);
    return () => window.removeEventListener("hashchange", onHash);
  }, []);
  useEffect(() => {
    if (awaited.current === undefined || awaited.current !== range) return;
    if (counts.lines < range.last && state !== "ended") return;
    awaited.current = undefined;
    setIsMissing(view.current?.mark(range) === false);
  }, [counts.lines, state, range, view]);
  const pick = (event: MouseEvent) => {
    const number = numberAt(event);
    if (number === undefined) return;
    const next =
      event.shiftKey && range !== undefined ? spanning(range.first, number) : { first: number, last: number };
    window.history.replaceState(window.history.state, "", hashOf(next));
    setRange(next);
    setIsMissing(false);
    view.current?.mark(next);
  };
  return { range, isMissing, pick };
}

const spanning = (a: number, b: number): LineRange => ({ first: Math.min(a, b), last: Math.max(a, b) });

const gutterPx = 68;

/** The number of the line whose number was clicked. */
function numberAt({ target, clientX }: MouseEvent): number | undefined {
  if (!(target instanceof HTMLElement)) return undefined;
  const line = target.closest<HTMLElement>(".log-line");
  if (line?.dataset.n === undefined || clientX - line.getBoundingClientRect().left > gutterPx) return undefined;
  return Number(line.dataset.n);
}
