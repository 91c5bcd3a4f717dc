import { createClient, type Transport } from "@connectrpc/connect";
import { type Event, EventService } from "../../../src/gen/windlass/v1/event_service_pb.ts";
import { backoffMs } from "./backoff.ts";
import { problemOf } from "./problem.ts";

/** Whether what the page shows is kept up to date. */
export type LiveState = "connecting" | "live" | "reconnecting" | "asleep";

/** What the stream tells. */
export interface EventListener {
  onEvents(events: readonly Event[]): void;
  /** Anything may have changed unseen: read again what is shown. */
  onGap(): void;
  onState(state: LiveState): void;
}

/** The server says something every 10 seconds at least. */
const silenceMs = 25_000;
const hiddenMs = 60_000;

/** Follows an organization's events until the signal, over every break; sleeps while the tab is hidden for a minute. */
export async function followEvents(
  transport: Transport,
  organization: string,
  listener: EventListener,
  signal: AbortSignal,
): Promise<void> {
  const client = createClient(EventService, transport);
  let cursor = "";
  let attempt = 0;
  while (!signal.aborted) {
    await untilVisible(listener, signal);
    const own = new AbortController();
    using _ = stopWhenHidden(own, signal);
    using watch = silence(own);
    try {
      for await (const { events, cursor: next } of client.watchEvents({ organization, cursor }, { signal: own.signal })) {
        watch.heard();
        if (cursor === "") listener.onGap();
        cursor = next;
        attempt = 0;
        listener.onState("live");
        if (events.length > 0) listener.onEvents(events);
      }
    } catch (error) {
      if (signal.aborted) return;
      const { reason } = problemOf(error);
      if (reason === "CURSOR_EXPIRED") cursor = "";
    }
    if (signal.aborted || document.hidden) continue;
    listener.onState("reconnecting");
    await pause(backoffMs(attempt, Math.random()), signal);
    attempt += 1;
  }
}

async function untilVisible(listener: EventListener, signal: AbortSignal): Promise<void> {
  if (!document.hidden) return;
  listener.onState("asleep");
  await new Promise<void>((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Aborts once the tab has been hidden for a minute, and with the signal. */
function stopWhenHidden(own: AbortController, signal: AbortSignal): Disposable {
  let timer: number | undefined;
  const stop = () => own.abort();
  const look = () => {
    window.clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(stop, hiddenMs);
  };
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", stop);
  return {
    [Symbol.dispose]: () => {
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", stop);
    },
  };
}

/** Aborts when nothing has been heard for too long. */
function silence(own: AbortController): Disposable & { heard(): void } {
  let timer = window.setTimeout(() => own.abort(), silenceMs);
  return {
    heard: () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => own.abort(), silenceMs);
    },
    [Symbol.dispose]: () => window.clearTimeout(timer),
  };
}

/** Waits; less if the network comes back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      window.clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = window.setTimeout(done, ms);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
