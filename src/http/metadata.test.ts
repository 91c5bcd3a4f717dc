import { describe, expect, test } from "vitest";
import { demandMetadata, maxMetadataBytes } from "./metadata.ts";

const host = ["host", "tf.example.com"];
const check = (...rawHeaders: readonly string[]) => demandMetadata({ rawHeaders: [...rawHeaders] });
/** The size of a header beside its text. */
const overhead = 32;

describe("the metadata of a call", () => {
  test("may have so many bytes, counted as HTTP/2 counts them, and no more", () => {
    const own = host.join("").length + overhead;
    const value = "x".repeat(maxMetadataBytes - own - overhead - "a".length);
    expect(() => check(...host, "a", value)).not.toThrow();
    expect(() => check(...host, "a", `${value}x`)).toThrow(
      `the metadata of the call has ${maxMetadataBytes + 1} bytes: at most ${maxMetadataBytes} are taken`,
    );
  });

  test("counts many small headers by what they cost", () => {
    const many = Array.from({ length: 500 }, (_, n) => [`a${n}`, "1"]).flat();
    expect(() => check(...host, ...many)).toThrow("metadata");
  });

  test("says once who calls", () => {
    expect(() => check(...host, "authorization", "Bearer a")).not.toThrow();
    expect(() => check(...host, "authorization", "Bearer a", "Authorization", "Bearer a")).toThrow(
      "the call has 2 authorization headers: send one",
    );
  });

  test.each([
    [[":authority", "tf.example.com"]],
    [[":authority", "127.0.0.1:7070"]],
    [["Host", "[::1]:7070"]],
    // HTTP/2's own name counts, whatever stands beside it.
    [[":authority", "tf.example.com", "host", "a b"]],
  ])("names its server: %j", (headers) => {
    expect(() => check(...headers)).not.toThrow();
  });

  test.each([
    [[], "names no host"],
    [["host", ""], "names no host"],
    [["host", "::1:7070"], 'names as its host "::1:7070"'],
    [["host", "a b"], 'names as its host "a b"'],
    [["host", "tf.example.com:99999"], "names as its host"],
    [[":authority", "", "host", "tf.example.com"], "names no host"],
  ])("does not name one: %j", (headers, words) => {
    expect(() => check(...headers)).toThrow(words);
  });

  test("cuts what it repeats of a host that is none", () => {
    expect(() => check("host", ` ${"x".repeat(5_000)}`)).toThrow(/^.{0,300}$/);
  });
});
