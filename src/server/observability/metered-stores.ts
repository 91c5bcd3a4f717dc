import type { Clock } from "../../lib/clock.ts";
import type { LogStore } from "../../store/ports/logs.ts";
import type { Store } from "../../store/ports/store.ts";
import type { ServerMetrics } from "./metrics.ts";

/** The same store, with the time that its transactions take measured. */
export function meteredStore(store: Store, metrics: ServerMetrics, clock: Clock): Store {
  const timed = async <T>(kind: "read" | "write" | "step", run: () => Promise<T>): Promise<T> => {
    const startedMs = clock.monotonicMs();
    try {
      return await run();
    } finally {
      metrics.storeSeconds(kind, (clock.monotonicMs() - startedMs) / 1000);
    }
  };
  return {
    engine: store.engine,
    changes: store.changes,
    read: (fn) => timed("read", () => store.read(fn)),
    write: (fn, ...about) => timed("write", () => store.write(fn, ...about)),
    step: (fn) => timed("step", () => store.step(fn)),
    space: () => store.space(),
    giveBack: (pages) => store.giveBack(pages),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The same log store, with its bytes counted and the time until they are durable measured. */
export function meteredLogs(logs: LogStore, metrics: ServerMetrics, clock: Clock): LogStore {
  const append: LogStore["append"] = async (stream, offset, bytes) => {
    const startedMs = clock.monotonicMs();
    const result = await logs.append(stream, offset, bytes);
    if (result.kind === "appended") {
      metrics.logBytes(result.addedBytes);
      metrics.logAppendSeconds((clock.monotonicMs() - startedMs) / 1000);
    }
    return result;
  };
  return new Proxy(logs, {
    get: (target, name) => {
      if (name === "append") return append;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
