import { EventEmitter } from "node:events";
import type { ServerHttp2Session } from "node:http2";
import { expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { keepAlive } from "./keep-alive.ts";

/** A session that answers its pings as the test says. */
class FakeSession extends EventEmitter {
  destroyed = false;
  pings = 0;
  readonly socket = { bytesRead: 0 };
  readonly #answer: (callback: (error: Error | null) => void) => void;

  constructor(answer: (callback: (error: Error | null) => void) => void) {
    super();
    this.#answer = answer;
  }

  ping(callback: (error: Error | null) => void): void {
    this.pings += 1;
    this.#answer(callback);
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

const pings = { intervalMs: 30_000, timeoutMs: 20_000 };

async function afterPing(session: FakeSession, ms: number): Promise<boolean> {
  const clock = new ManualClock();
  const kept = keepAlive(session as unknown as ServerHttp2Session, clock, pings);
  await clock.advance(pings.intervalMs);
  await clock.advance(ms);
  const wasDestroyed = session.destroyed;
  session.destroy();
  await kept;
  return wasDestroyed;
}

test("a session whose ping comes back with an error is destroyed", async () => {
  const session = new FakeSession((callback) => callback(new Error("ERR_HTTP2_PING_CANCEL")));
  expect(await afterPing(session, 0)).toBe(true);
});

test("a session on which bytes come stays although its ping is not answered, until none come any more", async () => {
  const session = new FakeSession(() => {});
  const clock = new ManualClock();
  const kept = keepAlive(session as unknown as ServerHttp2Session, clock, pings);
  await clock.advance(pings.intervalMs);
  for (let count = 0; count < 5; count += 1) {
    session.socket.bytesRead += 1;
    await clock.advance(pings.timeoutMs);
    expect(session.destroyed).toBe(false);
  }
  await clock.advance(pings.timeoutMs);
  expect(session.destroyed).toBe(true);
  await kept;
});

test("a session whose ping is answered stays and is pinged again, one whose ping is not answered goes", async () => {
  const good = new FakeSession((callback) => callback(null));
  expect(await afterPing(good, pings.intervalMs)).toBe(false);
  expect(good.pings).toBe(2);
  expect(await afterPing(new FakeSession(() => {}), pings.timeoutMs)).toBe(true);
});
