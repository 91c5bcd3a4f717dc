import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Clock } from "../lib/clock.ts";

/** Calls that a connection may take back unanswered at once: as many as the library itself would forgive. */
export const resetBurst = 1_000;
/** How many of them are forgiven each second. */
const forgivenPerSecond = 33;

/**
 * Ends a connection that opens calls only to take them back (CVE-2023-44487): each costs the server work and the client
 * nothing. A call that is canceled once its answer has begun has been paid for; whoever looks and leaves is not counted.
 */
export function endRapidResets(session: ServerHttp2Session, clock: Clock): void {
  let taken = 0;
  let countedMs = clock.monotonicMs();
  const count = () => {
    const nowMs = clock.monotonicMs();
    taken = Math.max(0, taken - ((nowMs - countedMs) / 1_000) * forgivenPerSecond) + 1;
    countedMs = nowMs;
    if (taken <= resetBurst || session.destroyed) return;
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy();
  };
  session.on("stream", (stream: ServerHttp2Stream) => {
    stream.once("close", () => {
      if (!stream.headersSent && stream.rstCode !== constants.NGHTTP2_NO_ERROR) count();
    });
  });
}
