import { usageOf } from "../process-usage.ts";
import { now, shareOf } from "../timing.ts";
import type { CallerNews, CallerTask } from "./caller.ts";
import { Child } from "./children.ts";

/** Who is called. */
export interface Called {
  readonly url: string;
  readonly pid: number;
  readonly token?: string;
}

export interface Calls {
  readonly path: string;
  readonly bodies: readonly Uint8Array[];
  readonly atOnce: number;
  /** For so long; for so many calls. One of them. */
  readonly ms?: number;
  readonly calls?: number;
}

/** What calling a server showed. */
export interface CallsMade {
  readonly calls: number;
  /** Each has made one call more, before. */
  readonly callers: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server's process, for each call. */
  readonly cpuUs: number;
}

/** Most processes that call: one waits for its answer alone, many share what they send. */
const mostCallers = 2;

/** Calls a server from processes of their own. A call that fails, fails all. */
export async function call({ url, pid, token = "" }: Called, { bodies, atOnce, ...calls }: Calls): Promise<CallsMade> {
  const count = Math.min(mostCallers, atOnce);
  await using held = new AsyncDisposableStack();
  const children = Array.from({ length: count }, () =>
    held.use(new Child<CallerNews>(new URL("caller.ts", import.meta.url))),
  );
  const task: CallerTask = {
    ...{ url, path: calls.path, token, bodies: bodies.map((body) => Buffer.from(body).toString("base64")) },
    ...{ atOnce: Math.ceil(atOnce / count), ms: calls.ms ?? Number.MAX_SAFE_INTEGER },
    calls: calls.calls === undefined ? Number.MAX_SAFE_INTEGER : Math.ceil(calls.calls / count),
  };
  await Promise.all(
    children.map((child) => {
      child.say(task);
      return child.next("ready");
    }),
  );
  const before = await usageOf(pid);
  const start = now();
  const all = await Promise.all(
    children.map((child) => {
      child.say({});
      return child.next("done", 600_000);
    }),
  );
  const seconds = (now() - start) / 1000;
  const cpuMs = (await usageOf(pid)).cpuMs - before.cpuMs;
  const sum = (of: (news: (typeof all)[number]) => number) => all.reduce((so, news) => so + of(news), 0);
  const failed = sum((news) => news.failed);
  if (failed > 0) throw new Error(`${failed} of ${sum((news) => news.calls)} calls of ${calls.path} failed`);
  const latencies = all.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    ...{ callers: count, calls: latencies.length, perSecond: latencies.length / seconds },
    bytesPerSecond: sum((news) => news.bytes) / seconds,
    ...{ p50Ms: shareOf(latencies, 0.5), p99Ms: shareOf(latencies, 0.99) },
    cpuUs: (cpuMs * 1000) / latencies.length,
  };
}
