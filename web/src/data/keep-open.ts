import { backoffMs } from "./backoff.ts";

/** Whether what the page shows is kept up to date. */
export type LiveState = "connecting" | "live" | "reconnecting" | "asleep";

/** One attempt at a stream. */
export interface StreamAttempt {
  /** Aborted when the stream has to end: nobody looks, or the server is silent for too long. */
  readonly signal: AbortSignal;
  /** To be called at each message. */
  heard(): void;
}

/** The server says something every 10 seconds at least. */
const silenceMs = 25_000;
const hiddenMs = 60_000;

/**
 * Keeps a stream open until it is done or the signal: after a break it waits and tries again, and it sleeps while the tab has been hidden
 * for a minute. `read` reads one stream to its end, and answers whether there is no more to come.
 */
export async function keepOpen(
  read: (attempt: StreamAttempt) => Promise<"done" | "broken">,
  onState: (state: LiveState) => void,
  signal: AbortSignal,
): Promise<void> {
  let attempt = 0;
  while (!signal.aborted) {
    await untilVisible(onState, signal);
    const own = new AbortController();
    using _ = stopWhenHidden(own, signal);
    using silence = watchSilence(own);
    const heard = () => {
      silence.heard();
      attempt = 0;
      onState("live");
    };
    const end = await read({ signal: own.signal, heard }).catch(() => "broken" as const);
    if (end === "done" || signal.aborted) return;
    if (document.hidden) continue;
    onState("reconnecting");
    await pause(backoffMs(attempt, Math.random()), signal);
    attempt += 1;
  }
}

async function untilVisible(onState: (state: LiveState) => void, signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return;
  onState("asleep");
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    if (!document.hidden || signal.aborted) resolve();
  };
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", look);
  await promise;
  document.removeEventListener("visibilitychange", look);
  signal.removeEventListener("abort", look);
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
function watchSilence(own: AbortController): Disposable & { heard(): void } {
  const start = () => window.setTimeout(() => own.abort(), silenceMs);
  let timer = start();
  return {
    heard: () => {
      window.clearTimeout(timer);
      timer = start();
    },
    [Symbol.dispose]: () => window.clearTimeout(timer),
  };
}

const impatience = new EventTarget();
/** How long a stream waits at least before a call that was answered makes it try again. */
const leastPauseMs = 1_000;

/** Makes every stream that waits for its next attempt try at once. */
export const tryNow = (): boolean => impatience.dispatchEvent(new Event("now"));

/** Tells every stream that waits that the server has answered a call: it is there again. */
export const noticeAnswer = (): boolean => impatience.dispatchEvent(new Event("answer"));

/** Waits; less if the network comes back, the server answers another call, or somebody does not want to wait. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const timer = window.setTimeout(done, ms);
  const startedAt = performance.now();
  const onAnswer = () => {
    if (performance.now() - startedAt >= leastPauseMs) resolve();
  };
  impatience.addEventListener("answer", onAnswer);
  window.addEventListener("online", done);
  impatience.addEventListener("now", done);
  signal.addEventListener("abort", done);
  await promise;
  window.clearTimeout(timer);
  window.removeEventListener("online", done);
  impatience.removeEventListener("now", done);
  impatience.removeEventListener("answer", onAnswer);
  signal.removeEventListener("abort", done);
}
