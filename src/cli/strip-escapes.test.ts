import { describe, expect, test } from "vitest";
import { EscapeStripper } from "./strip-escapes.ts";

const strip = (...chunks: readonly (string | Uint8Array)[]): string => {
  const stripper = new EscapeStripper();
  return Buffer.concat(chunks.map((chunk) => stripper.strip(Buffer.from(chunk)))).toString("latin1");
};

describe("escape sequences are removed", () => {
  test.each([
    ["colours", "\u001b[1m\u001b[32m+ create\u001b[0m\n", "+ create\n"],
    ["a window title ended by BEL", "\u001b]0;title\u0007text", "text"],
    ["a link ended by ST", "\u001b]8;;http://a\u001b\\link\u001b]8;;\u001b\\", "link"],
    ["a character set", "\u001b(Btext", "text"],
    ["a device control string", "\u001bPq#0;1\u001b\\text", "text"],
    ["a two-byte sequence", "\u001b7text\u001b8", "text"],
  ])("%s", (_name, given, kept) => expect(strip(given)).toBe(kept));

  test("wherever the stream is cut", () => {
    const whole = "a\u001b[31mb\u001b]0;t\u001b\\c\u001b(Bd";
    for (let at = 0; at <= whole.length; at++) expect(strip(whole.slice(0, at), whole.slice(at))).toBe("abcd");
  });

  test("other bytes stay, UTF-8 or not", () => {
    expect(strip(Uint8Array.of(0xff, 0x00, 0x0d, 0x0a, 0x07))).toBe("\u00ff\u0000\r\n\u0007");
  });
});
