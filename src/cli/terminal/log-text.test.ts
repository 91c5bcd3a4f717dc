import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogText } from "./log-text.ts";

function shown(keepsColors: boolean, ...chunks: readonly (string | Uint8Array)[]): string {
  const text = new LogText(keepsColors);
  return chunks.map((chunk) => text.take(Buffer.from(chunk))).join("") + text.end();
}

const strip = (...chunks: readonly (string | Uint8Array)[]): string => shown(false, ...chunks);
const onTerminal = (...chunks: readonly Uint8Array[]): string => shown(true, ...chunks);

describe("on a terminal only colours are kept", () => {
  test.each([
    [
      "colours",
      "\u001b[1m\u001b[38;5;8m+ é\u001b[0m\u001b[m\n",
      "\u001b[1m\u001b[38;5;8m+ é\u001b[0m\u001b[m\n\u001b[0m",
    ],
    ["a cleared screen", "a\u001b[2J\u001b[H\u001b[3Jb", "ab"],
    ["a clipboard that is written", "a\u001b]52;c;ZXZpbA==\u0007b", "ab"],
    ["a window title", "a\u001b]0;t\u001b\\b", "ab"],
    ["modes and questions that end in m", "a\u001b[>4;2m\u001b[?4mb", "ab"],
    ["a reset terminal", "a\u001bcb", "ab"],
    ["text that cannot be seen or blinks", "a\u001b[8mb\u001b[1;08mc\u001b[5md", "abcd"],
    ["colours that begin inside of another sequence", "a\u001b]0;\u001b[31mb", "a\u001b[31mb\u001b[0m"],
    ["C1 controls", "a\u009b2Jb\u009d0;x\u0007\u00e9", "a 2Jb 0;x é"],
    ["single controls", "a\u001b7\u0008\u000e\tb\r\n", "a  \tb\r\n"],
    ["a title without an end hides only its line", "a\u001b]0;t\nb\n", "a\nb\n"],
    ["a line that is written again and again", "10%\r20%\r\r\n", "10%\n20%\n\r\n"],
    ["directions and what is not seen", "a\u202eb\u2066\u200b\ufeffc\u2028d", "abc d"],
  ])("%s", (_name, given, kept) => {
    const bytes = Buffer.from(given);
    for (let at = 0; at <= bytes.length; at++) expect(onTerminal(bytes.subarray(0, at), bytes.subarray(at))).toBe(kept);
    expect(onTerminal(...[...bytes].map((byte) => Uint8Array.of(byte)))).toBe(kept);
  });

  test("whatever the bytes are, however they are cut", () => {
    const byte = fc.oneof(fc.constantFrom(...Buffer.from("\u001b[]0;31mPX\u0007\\\r\n\u009b\u202e")), fc.nat(255));
    const color = new RegExp(`${"\u001b"}\\[[0-9;:]*m`, "g");
    fc.assert(
      fc.property(fc.array(fc.array(byte)), fc.boolean(), (chunks, keepsColors) => {
        const text = shown(keepsColors, ...chunks.map((chunk) => Uint8Array.from(chunk)));
        const rest = keepsColors ? text.replace(color, "") : text;
        expect(rest).not.toMatch(acting);
      }),
    );
  });
});

/** Beside tab, line feed, and a return before it. */
const controls = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f";
const unseen = "\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff";
const acting = new RegExp(`\\r(?!\\n)|[${controls}${unseen}]`);

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

  test("what is no UTF-8 is shown as such", () => {
    expect(strip(Uint8Array.of(0xff, 0x00, 0x0d, 0x0a, 0x9b))).toBe("\ufffd \r\n\ufffd");
  });
});
