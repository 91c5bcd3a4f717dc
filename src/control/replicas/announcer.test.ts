import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import type { NoticeLine, NoticeListener } from "../../store/ports/notices.ts";
import type { ReplicaRow } from "../../store/ports/replicas.ts";
import { Announcer } from "./announcer.ts";
import { readNotice } from "./notice-text.ts";

/** Keeps what is sent, and fails when told to. */
class FakeLine implements NoticeLine {
  readonly maxBytes = 7_999;
  readonly sent: string[][] = [];
  listener: NoticeListener | undefined;
  isBroken = false;

  async listen(listener: NoticeListener): Promise<void> {
    this.listener = listener;
  }

  async send(texts: readonly string[]): Promise<void> {
    if (this.isBroken) throw new Error("the line is broken");
    this.sent.push([...texts]);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const other: ReplicaRow = {
  ...{ id: "other", name: "other", version: "0.0.0", address: "", beats: 1, losses: 0, lostAt: null },
  ...{ startedAt: new Date(0), seenAt: new Date(0), clockAt: new Date(0) },
};

let held: AsyncDisposableStack;
let fixture: TestControl;
let line: FakeLine;
let losses: number;
const stop = { signal: new AbortController() };

beforeEach(async () => {
  held = new AsyncDisposableStack();
  fixture = held.use(await openTestControl());
  line = new FakeLine();
  losses = 0;
  const announcer = new Announcer(fixture.control, line, () => {
    losses += 1;
  });
  await announcer.listen();
  stop.signal = new AbortController();
  const running = announcer.run(stop.signal.signal);
  held.defer(async () => {
    stop.signal.abort();
    await running;
  });
});
afterEach(() => held.disposeAsync());

const run = (number: number) =>
  ({ kind: "run", id: `run_${number}`, organizationId: fixture.organization.id }) as const;
const toldTopics = () => line.sent.map((texts) => texts.flatMap((text) => readNotice(text)?.topics ?? []));

describe("what happens here", () => {
  test("is told to nobody while there is no other replica", async () => {
    fixture.control.wake.notify("jobs");
    fixture.control.store.changes.publish([run(1)]);
    await fixture.clock.advance(1_000);
    expect(line.sent).toEqual([]);
  });

  test("is told at once, and what follows together 10 ms later", async () => {
    fixture.control.replicas.see([other]);
    fixture.control.wake.notify("jobs");
    fixture.control.wake.notify("run/1");
    await expect.poll(toldTopics).toEqual([["jobs", "run/1"]]);
    for (let count = 0; count < 50; count++) fixture.control.wake.notify("jobs");
    fixture.control.store.changes.publish([run(1), run(2), run(1)]);
    await fixture.clock.advance(9);
    expect(line.sent).toHaveLength(1);
    await fixture.clock.advance(1);
    await expect.poll(() => line.sent.length).toBe(2);
    expect(readNotice(line.sent[1]?.[0] ?? "")).toMatchObject({ topics: ["jobs"], changes: [run(2), run(1)] });
  });

  test("is told no more often than every 50 ms where only logs grow; what is no log does not wait for that", async () => {
    fixture.control.replicas.see([other]);
    fixture.control.wake.notify("log/1");
    await expect.poll(() => line.sent.length).toBe(1);
    fixture.control.wake.notify("log/1");
    await fixture.clock.advance(49);
    expect(line.sent).toHaveLength(1);
    await fixture.clock.advance(1);
    await expect.poll(() => line.sent.length).toBe(2);
    fixture.control.wake.notify("log/2");
    await fixture.clock.advance(20);
    fixture.control.wake.notify("jobs");
    await expect.poll(() => line.sent.length).toBe(3);
    expect(toldTopics().at(-1)).toEqual(["log/2", "jobs"]);
  });

  test("is told as a whole after the others could not be told", async () => {
    fixture.control.replicas.see([other]);
    line.isBroken = true;
    fixture.control.wake.notify("jobs");
    await expect.poll(() => losses).toBe(1);
    line.isBroken = false;
    await fixture.clock.advance(1_000);
    await expect.poll(() => line.sent.length).toBe(1);
    expect(line.sent.flat().map((text) => readNotice(text)?.isAll)).toEqual([true]);
  });
});

describe("what others tell", () => {
  test("wakes who waits here, comes into the feed, and is not told again", async () => {
    fixture.control.replicas.see([other]);
    const { wake, store } = fixture.control;
    const { position } = store.changes;
    const waiting = wake.changedSince("run/1", wake.version("run/1"), { timeoutMs: 1_000 });
    line.listener?.hear(JSON.stringify({ f: "other", t: ["run/1"], c: [["run", "run_1", fixture.organization.id]] }));
    expect(await waiting).toBe("changed");
    expect(store.changes.since(position, 10)?.changes).toEqual([run(1)]);
    await fixture.clock.advance(1_000);
    expect(line.sent).toEqual([]);
  });

  test("as a whole, or may have been missed: everybody reads again, and cursors are of no use any more", async () => {
    const { wake, store } = fixture.control;
    for (const tell of [() => line.listener?.hear(JSON.stringify({ f: "other", a: 1 })), () => line.listener?.miss()]) {
      const { id } = store.changes;
      const waiting = wake.changedSince("run/1", wake.version("run/1"), { timeoutMs: 1_000 });
      tell();
      expect(await waiting).toBe("changed");
      expect(store.changes.id).not.toBe(id);
    }
  });

  test("is ignored where it was said here", () => {
    const { replicas, wake } = fixture.control;
    const seen = wake.version("jobs");
    line.listener?.hear(JSON.stringify({ f: replicas.id, t: ["jobs"], c: [] }));
    expect(wake.version("jobs")).toBe(seen);
  });
});
