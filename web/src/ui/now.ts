import { useSyncExternalStore } from "react";

const tickMs = 1000;
let now = new Date();
let timer: number | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  now = new Date();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Nobody has moved the clock on while nobody looked.
  if (timer === undefined) now = new Date();
  timer ??= window.setInterval(tick, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

/** The time of day, once a second, from one clock for the page. */
export const useNow = (): Date => useSyncExternalStore(subscribe, () => now);
