import { describe, expect, test } from "vitest";
import { type LogCursor, logStart, type ReceivedLogPiece, takePiece } from "./log-cursor.ts";

const piece = (text: string, more: Partial<ReceivedLogPiece> = {}): ReceivedLogPiece => ({
  offset: 0n,
  epoch: 1n,
  missingBytes: 0n,
  chunk: Buffer.from(text),
  ...more,
});

function take(cursor: LogCursor, one: ReceivedLogPiece) {
  const taken = takePiece(cursor, one);
  return taken.kind === "restart" ? taken : { ...taken, bytes: Buffer.from(taken.bytes).toString() };
}

describe("the position in a log", () => {
  test("moves over the bytes of each piece", () => {
    expect(take(logStart, piece("hello"))).toEqual({
      kind: "taken",
      cursor: { epoch: 1n, position: 5n },
      bytes: "hello",
      lostBytes: 0n,
      isNewAttempt: false,
    });
  });

  test("bytes that were read before are not taken again", () => {
    const at = { epoch: 1n, position: 3n };
    expect(take(at, piece("hello"))).toMatchObject({ bytes: "lo", cursor: { position: 5n } });
    expect(take(at, piece("he"))).toMatchObject({ bytes: "", cursor: { position: 3n } });
  });

  test("a gap is told, and the bytes behind it are taken", () => {
    const at = { epoch: 1n, position: 3n };
    expect(take(at, piece("xy", { offset: 10n }))).toMatchObject({
      bytes: "xy",
      lostBytes: 7n,
      cursor: { position: 12n },
    });
    expect(take(at, piece("", { offset: 3n, missingBytes: 9n }))).toMatchObject({ lostBytes: 9n });
  });

  test("a new attempt begins its log anew", () => {
    const at = { epoch: 1n, position: 3n };
    expect(take(at, piece("again", { epoch: 2n }))).toMatchObject({
      bytes: "again",
      isNewAttempt: true,
      cursor: { epoch: 2n, position: 5n },
    });
  });

  test("a new attempt met in the middle is read again from its start", () => {
    const at = { epoch: 1n, position: 3n };
    expect(take(at, piece("in", { epoch: 2n, offset: 3n }))).toEqual({
      kind: "restart",
      cursor: { epoch: 2n, position: 0n },
    });
  });

  test("a piece of an older attempt is left out", () => {
    const at = { epoch: 2n, position: 3n };
    expect(take(at, piece("old!"))).toMatchObject({ bytes: "", cursor: at });
  });
});
