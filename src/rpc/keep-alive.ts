import type { ServerHttp2Session } from "node:http2";
import { linkSignals } from "../lib/abort.ts";
import type { Clock } from "../lib/clock.ts";

export interface KeepAlive {
  /** How long a connection rests between pings. */
  readonly intervalMs: number;
  /** How long an answer may take before the connection counts as dead. */
  readonly timeoutMs: number;
}

/** Pings one connection until it closes, and destroys it when an answer stays away: half-open sockets say nothing themselves. */
export async function keepAlive(session: ServerHttp2Session, clock: Clock, pings: KeepAlive): Promise<void> {
  const closed = new AbortController();
  session.once("close", () => closed.abort());
  while (await hasSlept(clock, pings.intervalMs, closed.signal)) {
    if (session.destroyed) return;
    using over = linkSignals(closed.signal);
    const isSilent = hasSlept(clock, pings.timeoutMs, over.signal);
    let hasFailed = false;
    // The callback also comes when no ping can be sent: the connection is over, whatever its streams still wait for.
    session.ping((error) => {
      hasFailed = error !== null;
      over.abort();
    });
    if ((await isSilent) || hasFailed) session.destroy();
  }
}

/** True after the whole time, false as soon as the signal is aborted. */
const hasSlept = (clock: Clock, ms: number, signal: AbortSignal) =>
  clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
