import { expect, test } from "vitest";
import { type Cursor, cursorOf, nameCursor, numberCursor, pairCursor, timeCursor } from "./cursor.ts";

const at = new Date("2026-01-02T03:04:05.678Z");
const returned = <P>(cursor: Cursor<P>, place: P) => cursor.decode(cursor.encode(place));

test("a place comes back as it was, whatever characters are in it", () => {
  expect(returned(nameCursor, 'né\u0001"x')).toBe('né\u0001"x');
  expect(returned(pairCursor, ["a\u0001b", "c"])).toEqual(["a\u0001b", "c"]);
  expect(returned(numberCursor, 7)).toBe(7);
  expect(returned(timeCursor, { at, id: "run_1" })).toEqual({ at, id: "run_1" });
  expect(returned(cursorOf("number", "instant", "text"), [1, at, ""])).toEqual([1, at, ""]);
});

test("what another list has written, or nobody, is refused", () => {
  const tokens = [
    pairCursor.encode(["a", "b"]),
    numberCursor.encode(7),
    ...["x", "", "{}", "[]", "[null]", '["no time","run_1"]'].map((text) => Buffer.from(text).toString("base64url")),
  ];
  const refusal = expect.objectContaining({ code: "validation" });
  for (const token of tokens) expect(() => timeCursor.decode(token), token).toThrow(refusal);
  expect(() => numberCursor.decode(nameCursor.encode("7"))).toThrow(refusal);
  expect(() => numberCursor.decode(Buffer.from("[1.5]").toString("base64url"))).toThrow(refusal);
  expect(() => nameCursor.decode(pairCursor.encode(["a", "b"]))).toThrow(refusal);
});
