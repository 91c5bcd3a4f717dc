import { setTimeout as pause } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";

/** What a client sees of a server that is away, or was when it wanted to answer. */
const passing: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
  Code.Unknown,
  Code.Internal,
];

/** Repeats a call until the server answers it; throws what the server refuses. */
export async function persistently<Answer>(call: () => Promise<Answer>, deadlineMs = 180_000): Promise<Answer> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!passing.includes(ConnectError.from(error).code) || performance.now() > end) throw error;
    }
    await pause(100);
  }
}
