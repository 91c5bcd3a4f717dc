import { describe, expect, test } from "vitest";
import type { RowChange } from "../../store/ports/change-feed.ts";
import { type Notice, noticeTexts, readNotice } from "./notice-text.ts";

const bounds = { maxBytes: 7_999, most: 8 };
const run = (number: number): RowChange => ({ kind: "run", id: `run_${number}`, organizationId: organization });
const organization = "org_01hx0000000000000000000000";

const notice = (change: Partial<Notice> = {}): Notice => ({
  from: "one",
  topics: [],
  changes: [],
  isAll: false,
  ...change,
});

describe("a notice", () => {
  test("comes as it was sent", () => {
    const sent = notice({
      topics: ["jobs", "run/run_1"],
      changes: [run(1), { kind: "workspace", id: "ws_1", organizationId: null, name: "Zürich" }],
    });
    const texts = noticeTexts(sent, bounds) ?? [];
    expect(texts).toHaveLength(1);
    expect(readNotice(texts[0] ?? "")).toEqual(sent);
  });

  test("of much is several texts, none of them too long, and nothing is missing", () => {
    const sent = notice({
      topics: Array.from({ length: 100 }, (_, at) => `run/ä${at}`),
      changes: Array.from({ length: 300 }, (_, at) => run(at)),
    });
    const texts = noticeTexts(sent, bounds) ?? [];
    expect(texts.length).toBeGreaterThan(1);
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(bounds.maxBytes);
    const read = texts.map((text) => readNotice(text));
    expect(read.flatMap((one) => one?.topics ?? [])).toEqual(sent.topics);
    expect(read.flatMap((one) => one?.changes ?? [])).toEqual(sent.changes);
  });

  test("of more than that, or with a topic that fits nowhere, is told as a whole", () => {
    expect(noticeTexts(notice({ changes: Array.from({ length: 2_000 }, (_, at) => run(at)) }), bounds)).toBeUndefined();
    expect(noticeTexts(notice({ topics: ["x".repeat(8_000)] }), bounds)).toBeUndefined();
    const [text = ""] = noticeTexts(notice({ topics: ["jobs"], isAll: true }), bounds) ?? [];
    expect(readNotice(text)).toEqual(notice({ isAll: true }));
  });

  test("with a change that this version does not know may be about anything", () => {
    const text = JSON.stringify({ f: "one", t: ["jobs"], c: [["planet", "planet_1", null]], z: 7 });
    expect(readNotice(text)).toEqual(notice({ topics: ["jobs"], isAll: true }));
  });

  test.each(["", "{", "null", "7", "{}", '{"f":7}'])("that is none is refused: %j", (text) => {
    expect(readNotice(text)).toBeUndefined();
  });
});
