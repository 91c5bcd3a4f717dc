import { describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { newClaim } from "../contract/claim.ts";
import type { LogSource } from "../contract/session-host.ts";
import { type LogChunkToSend, LogSender, maxChunkBytes } from "./log-sender.ts";

class FakeLog implements LogSource {
  readonly key: string;
  readonly claim;
  end = 0;
  isComplete = false;

  constructor(id: string, end: number) {
    this.key = `${id}-1`;
    this.claim = newClaim(id, 1n);
    this.end = end;
  }

  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    return new Uint8Array(Math.min(maxBytes, this.end - offset));
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function sending(sources: readonly LogSource[], windowBytes = 1024 * 1024) {
  const clock = new ManualClock();
  const sent: LogChunkToSend[] = [];
  const acknowledged: [string, number, boolean][] = [];
  const sender = new LogSender({
    clock,
    windowBytes,
    sources: () => sources,
    room: async () => {},
    send: (chunk) => sent.push(chunk),
    onSent: () => {},
    onAcknowledged: (...ack) => acknowledged.push(ack),
  });
  const stop = new AbortController();
  const running = sender.run(stop.signal);
  const ranges = () => sent.map(({ claim, offset, bytes }) => `${claim.jobId} ${offset}+${bytes.length}`);
  const end = async () => {
    stop.abort();
    await running;
  };
  return { clock, sender, ranges, acknowledged, end };
}

const ack = (nextOffset: number, more = {}) => ({ nextOffset, rewind: false, closed: false, ...more });

describe("log sender", () => {
  test("chunks have at most 64 KiB, and no more than the window is on its way", async () => {
    const log = new FakeLog("a", 10 * maxChunkBytes);
    const { sender, ranges, end } = sending([log], 2 * maxChunkBytes);
    await settle();
    expect(ranges()).toEqual(["a 0+65536", "a 65536+65536"]);
    sender.acknowledge(log.key, ack(maxChunkBytes));
    await settle();
    expect(ranges().slice(2)).toEqual(["a 131072+65536"]);
    await end();
  });

  test("an acknowledgement may tell another window, and 0 tells none", async () => {
    const log = new FakeLog("a", 10 * maxChunkBytes);
    const { sender, ranges, end } = sending([log], maxChunkBytes);
    await settle();
    sender.acknowledge(log.key, ack(maxChunkBytes, { windowBytes: 3 * maxChunkBytes }));
    await settle();
    expect(ranges()).toHaveLength(4);
    sender.acknowledge(log.key, ack(2 * maxChunkBytes, { windowBytes: maxChunkBytes }));
    await settle();
    expect(ranges()).toHaveLength(4);
    sender.acknowledge(log.key, ack(4 * maxChunkBytes, { windowBytes: 0 }));
    await settle();
    expect(ranges()).toHaveLength(5);
    await end();
  });

  test("a small chunk waits for the one before it, so that little writes travel together", async () => {
    const log = new FakeLog("a", 10);
    const { sender, ranges, end } = sending([log]);
    await settle();
    log.end = 20;
    sender.wake();
    log.end = 30;
    sender.wake();
    await settle();
    expect(ranges()).toEqual(["a 0+10"]);
    sender.acknowledge(log.key, ack(10));
    await settle();
    expect(ranges()).toEqual(["a 0+10", "a 10+20"]);
    await end();
  });

  test("the rest of a complete log waits for nothing", async () => {
    const log = new FakeLog("a", 10);
    const { sender, ranges, end } = sending([log]);
    await settle();
    log.end = 12;
    log.isComplete = true;
    sender.wake();
    await settle();
    expect(ranges()).toEqual(["a 0+10", "a 10+2"]);
    await end();
  });

  test("logs take turns", async () => {
    const logs = [new FakeLog("a", 3 * maxChunkBytes), new FakeLog("b", 3 * maxChunkBytes)];
    const { ranges, end } = sending(logs, 4 * maxChunkBytes);
    await settle();
    expect(ranges().map((range) => range[0])).toEqual(["a", "b", "a", "b"]);
    await end();
  });

  test("it starts where the server stands", async () => {
    const log = new FakeLog("a", 100);
    const { sender, ranges, end } = sending([log]);
    sender.resume(log.key, 40);
    await settle();
    expect(ranges()).toContain("a 40+60");
    await end();
  });

  test("a rewind sends again from there, after a pause that collects further ones", async () => {
    const log = new FakeLog("a", 3 * maxChunkBytes);
    const { clock, sender, ranges, end } = sending([log]);
    await settle();
    sender.acknowledge(log.key, ack(maxChunkBytes, { rewind: true }));
    sender.acknowledge(log.key, ack(maxChunkBytes, { rewind: true }));
    await settle();
    expect(ranges()).toHaveLength(3);
    await clock.advance(20);
    await settle();
    expect(ranges().slice(3)).toEqual(["a 65536+65536", "a 131072+65536"]);
    await end();
  });

  test("a closed log is sent no further", async () => {
    const log = new FakeLog("a", 10);
    const { sender, ranges, acknowledged, end } = sending([log]);
    await settle();
    sender.acknowledge(log.key, ack(10, { closed: true }));
    log.end = 1000;
    sender.wake();
    await settle();
    expect(ranges()).toEqual(["a 0+10"]);
    expect(acknowledged).toEqual([["a-1", 10, true]]);
    await end();
  });

  test("an acknowledgement that does not come is not waited for for ever", async () => {
    const log = new FakeLog("a", 10);
    const { sender, ranges, end } = sending([log]);
    await settle();
    for (let count = 0; count < 3; count++) sender.checkProgress();
    await settle();
    expect(ranges()).toEqual(["a 0+10", "a 0+10"]);
    await end();
  });

  test("a slow server gets the same bytes ever more seldom, and at the usual pace again once it has taken some", async () => {
    const log = new FakeLog("a", 10);
    const { sender, ranges, end } = sending([log]);
    const looksUntilSentAgain = async () => {
      const before = ranges().length;
      for (let looks = 1; ; looks++) {
        sender.checkProgress();
        await settle();
        if (ranges().length > before) return looks;
      }
    };
    await settle();
    sender.checkProgress();
    const looks = [await looksUntilSentAgain(), await looksUntilSentAgain(), await looksUntilSentAgain()];
    expect(looks).toEqual([1, 4, 8]);
    sender.acknowledge(log.key, ack(5));
    log.end = 20;
    log.isComplete = true;
    sender.wake();
    await settle();
    sender.checkProgress();
    expect(await looksUntilSentAgain()).toBe(2);
    await end();
  });
});
