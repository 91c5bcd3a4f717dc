import type { ServerHttp2Session } from "node:http2";
import { linkSignals, notAwaited } from "../lib/async/abort.ts";
import type { Clock } from "../lib/clock.ts";

export interface KeepAlive {
  /** How long a connection rests between pings. */
  readonly intervalMs: number;
  /** How long an answer may take before the connection counts as dead. */
  readonly timeoutMs: number;
}

/**
 * Pings one connection until it closes, and destroys it when nothing comes any more: half-open sockets say nothing
 * themselves. Any byte counts as life, since an answer may wait behind much else on a slow link.
 */
export async function keepAlive(session: ServerHttp2Session, clock: Clock, pings: KeepAlive): Promise<void> {
  const closed = new AbortController();
  session.once("close", () => closed.abort(notAwaited));
  while (await hasSlept(clock, pings.intervalMs, closed.signal)) {
    if (session.destroyed) return;
    using over = linkSignals(closed.signal);
    const isSilent = hasFallenSilent(session, clock, pings.timeoutMs, over.signal);
    let hasFailed = false;
    // The callback also comes when no ping can be sent: the connection is over, whatever its streams still wait for.
    session.ping((error) => {
      hasFailed = error !== null;
      over.abort(notAwaited);
    });
    if ((await isSilent) || hasFailed) session.destroy();
  }
}

/** True once no byte has come for so long, false as soon as the signal is aborted. */
async function hasFallenSilent(
  session: ServerHttp2Session,
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (let seen = bytesOf(session); await hasSlept(clock, ms, signal); seen = bytesOf(session)) {
    if (bytesOf(session) === seen) return true;
  }
  return false;
}

/** What has come on the connection; its stand-in for a socket has none any more once it is destroyed. */
const bytesOf = (session: ServerHttp2Session): number => (session.destroyed ? 0 : session.socket.bytesRead);

/** True after the whole time, false as soon as the signal is aborted. */
const hasSlept = (clock: Clock, ms: number, signal: AbortSignal) =>
  clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
