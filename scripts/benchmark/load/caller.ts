import { now } from "../timing.ts";
import { QuickConnection } from "./quick-connection.ts";

/** One of the processes that call a server: waits for "go" and calls until its time or its calls are over. */
export interface CallerTask {
  readonly url: string;
  readonly path: string;
  readonly token: string;
  /** Bodies in base64, taken in turn. */
  readonly bodies: readonly string[];
  readonly atOnce: number;
  readonly ms: number;
  readonly calls: number;
}

/** What a caller tells its parent. */
export type CallerNews =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly why: string }
  | {
      readonly kind: "done";
      readonly calls: number;
      readonly failed: number;
      readonly bytes: number;
      readonly tookMs: number;
      readonly latenciesMs: readonly number[];
    };

const tell = (news: CallerNews): void => void process.send?.(news);

async function serve({ bodies, ms, calls, atOnce, ...target }: CallerTask): Promise<void> {
  const messages = bodies.map((body) => Buffer.from(body, "base64"));
  const startedAt = new Map<number, number>();
  const latenciesMs: number[] = [];
  let [sent, failed, bytes, warmth, from] = [0, 0, 0, 0, 0];
  const send = () => startedAt.set(connection.call(messages[sent++ % messages.length] ?? Buffer.alloc(0)), now());
  const isOver = () => now() - from >= ms || sent >= calls;
  const connection = await QuickConnection.open(target.url, target, (received, stream) => {
    if (from === 0) {
      warmth = received;
      return tell({ kind: "ready" });
    }
    latenciesMs.push(now() - (startedAt.get(stream) ?? 0));
    startedAt.delete(stream);
    bytes += received;
    if (received === 0) failed += 1;
    if (!isOver()) send();
    else if (startedAt.size === 0)
      tell({ kind: "done", calls: latenciesMs.length, failed, bytes, tookMs: now() - from, latenciesMs });
  });
  void connection.closed.then((why) => tell({ kind: "failed", why }));
  process.on("message", () => {
    if (warmth === 0) return tell({ kind: "failed", why: `${target.path} answered the first call by an error` });
    [from, sent] = [now(), 0];
    for (let call = 0; call < Math.min(atOnce, calls); call++) send();
  });
  // The first call counts for nothing: it compiles, and fills the server's table of fields.
  connection.call(messages[0] ?? Buffer.alloc(0));
}

process.on("disconnect", () => process.exit(0));
process.once(
  "message",
  (task: CallerTask) => void serve(task).catch((error: unknown) => tell({ kind: "failed", why: String(error) })),
);
