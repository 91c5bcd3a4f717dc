import { describe, expect, test } from "vitest";
import { EscapeStripper } from "./strip-escapes.ts";

const strip = (...chunks: readonly (string | Uint8Array)[]): string => {
  const stripper = new EscapeStripper();
  return Buffer.concat(chunks.map((chunk) => stripper.strip(Buffer.from(chunk)))).toString("latin1");
};

const onTerminal = (...chunks: readonly Uint8Array[]): string => {
  const stripper = new EscapeStripper({ colors: true, characters: false });
  return Buffer.concat(chunks.map((chunk) => stripper.strip(chunk))).toString("utf8");
};

describe("on a terminal only colours are kept", () => {
  test.each([
    ["colours", "\u001b[1m\u001b[38;5;2m+ é\u001b[0m\u001b[m\n", "\u001b[1m\u001b[38;5;2m+ é\u001b[0m\u001b[m\n"],
    ["a cleared screen", "a\u001b[2J\u001b[H\u001b[3Jb", "ab"],
    ["a clipboard that is written", "a\u001b]52;c;ZXZpbA==\u0007b", "ab"],
    ["a window title", "a\u001b]0;t\u001b\\b", "ab"],
    ["modes and questions that end in m", "a\u001b[>4;2m\u001b[?4mb", "ab"],
    ["a reset terminal", "a\u001bcb", "ab"],
    ["colours that begin inside of another sequence", "a\u001b]0;\u001b[31mb", "a\u001b[31mb"],
    ["C1 controls", "a\u009b2Jb\u009d0;x\u0007\u00e9", "a\ufffd2Jb\ufffd0;x\u00e9"],
    ["controls that come together only here", "a\u001b7\u0008\u000e\tb\r\n", "a\tb\r\n"],
    ["a title without an end hides only its line", "a\u001b]0;t\nb\n", "a\nb\n"],
  ])("%s", (_name, given, kept) => {
    const bytes = Buffer.from(given);
    for (let at = 0; at <= bytes.length; at++) expect(onTerminal(bytes.subarray(0, at), bytes.subarray(at))).toBe(kept);
    expect(onTerminal(...[...bytes].map((byte) => Uint8Array.of(byte)))).toBe(kept);
  });

  test("what is removed between two bytes does not make a control of them", () => {
    const out = Buffer.from([0xc2, 0x1b, 0x37, 0x9b]);
    const stripper = new EscapeStripper({ colors: true, characters: false });
    expect([...stripper.strip(out)]).toEqual([0xc2]);
  });
});

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
