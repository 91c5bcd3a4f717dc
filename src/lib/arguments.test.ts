import { describe, expect, test } from "vitest";
import { type FlagShapes, readArguments, readFirstWord } from "./arguments.ts";

const flags: FlagShapes = {
  output: { isSwitch: false, short: "o" },
  message: { isSwitch: false, short: "m", aliases: ["description"] },
  "keep-runs": { isSwitch: false },
  limit: { isSwitch: false, short: "n" },
  quiet: { isSwitch: true, short: "q" },
  verbose: { isSwitch: true, short: "v" },
  "no-input": { isSwitch: true },
  input: { isSwitch: true },
};

const read = (args: readonly string[]) => {
  const { words, given, unknown, valueless } = readArguments(args, flags);
  return {
    ...(words.length === 0 ? {} : { words }),
    ...Object.fromEntries(given),
    ...(unknown.length === 0 ? {} : { unknown }),
    ...(valueless.length === 0 ? {} : { valueless }),
  };
};

describe("a command line", () => {
  test.each([
    // values, behind the flag or after =
    [["--output", "json"], { output: ["json"] }],
    [["--output=json"], { output: ["json"] }],
    [["-o", "json"], { output: ["json"] }],
    [["-ojson"], { output: ["json"] }],
    [["-o=json"], { output: ["json"] }],
    [["--message", "two words"], { message: ["two words"] }],
    [["--message=a=b=c"], { message: ["a=b=c"] }],
    [["--message=one\ntwo"], { message: ["one\ntwo"] }],
    [["--message", "x.y=1"], { message: ["x.y=1"] }],
    [["-m./x=1"], { message: ["./x=1"] }],
    [["--message="], { message: [""] }],
    [["--message", ""], { message: [""] }],
    [["--message=", "word"], { message: [""], words: ["word"] }],
    [['--message="quoted"'], { message: ['"quoted"'] }],
    [["--message", "'quoted'"], { message: ["'quoted'"] }],
    [["--description", "d"], { message: ["d"] }],
    [["--message", "-"], { message: ["-"] }],
    // text stays text
    [["--message", "0x10"], { message: ["0x10"] }],
    [["--message=1e3"], { message: ["1e3"] }],
    [["--keep-runs", "007"], { "keep-runs": ["007"] }],
    [["--message", "true"], { message: ["true"] }],
    [["0x10", "1e3", "007", "99999999999999999999"], { words: ["0x10", "1e3", "007", "99999999999999999999"] }],
    // numbers below zero are values and words; what else begins with a hyphen is none
    [["--limit", "-4"], { limit: ["-4"] }],
    [["-n", "-4.5"], { limit: ["-4.5"] }],
    [["--limit=-4"], { limit: ["-4"] }],
    [["-n-4"], { limit: ["-4"] }],
    [["-4"], { words: ["-4"] }],
    [["--message=-x"], { message: ["-x"] }],
    [["--message=--quiet"], { message: ["--quiet"] }],
    [["--message", "-x"], { valueless: ["--message"], unknown: ["-x"] }],
    [["--message", "--quiet"], { valueless: ["--message"], quiet: ["true"] }],
    [["-m", "--", "x"], { valueless: ["-m"], words: ["x"] }],
    [["--message"], { valueless: ["--message"] }],
    [["-m"], { valueless: ["-m"] }],
    [["--description", "-o", "json"], { valueless: ["--description"], output: ["json"] }],
    // switches take nothing but what stands behind =
    [["--quiet"], { quiet: ["true"] }],
    [["--quiet", "word"], { quiet: ["true"], words: ["word"] }],
    [["--quiet", "true"], { quiet: ["true"], words: ["true"] }],
    [["--quiet=false"], { quiet: ["false"] }],
    [["--quiet=maybe"], { quiet: ["maybe"] }],
    [["--quiet="], { quiet: [""] }],
    [["-q=0"], { quiet: ["0"] }],
    [["-q", "false"], { quiet: ["true"], words: ["false"] }],
    [["-qv"], { quiet: ["true"], verbose: ["true"] }],
    [["-qvo", "json"], { quiet: ["true"], verbose: ["true"], output: ["json"] }],
    [["-qojson"], { quiet: ["true"], output: ["json"] }],
    [["--no-input"], { "no-input": ["true"] }],
    [["--input", "--no-input=false"], { input: ["true"], "no-input": ["false"] }],
    [["--no-quiet"], { unknown: ["--no-quiet"] }],
    // flags given again, in order
    [["-m", "a", "--description", "b", "--message=c"], { message: ["a", "b", "c"] }],
    [["--quiet", "--quiet=false"], { quiet: ["true", "false"] }],
    // one value a flag
    [["--message", "a", "b", "c"], { message: ["a"], words: ["b", "c"] }],
    // words, in order, and what ends the flags
    [["a", "-q", "b", "-", "c"], { quiet: ["true"], words: ["a", "b", "-", "c"] }],
    [["a", "--", "-q", "--message", "--"], { words: ["a", "-q", "--message", "--"] }],
    [["--", "-qv", "-ojson"], { words: ["-qv", "-ojson"] }],
    [[""], { words: [""] }],
    // what is no flag
    [["--mesage", "x"], { unknown: ["--mesage"] }],
    [["--mesage=x", "-z"], { unknown: ["--mesage", "-z"] }],
    [["--Message=x"], { unknown: ["--Message"] }],
    [["--keepRuns=x"], { unknown: ["--keepRuns"] }],
    [["--message.x=1"], { unknown: ["--message.x"] }],
    [["--constructor"], { unknown: ["--constructor"] }],
    [[], {}],
  ])("%j", (args, expected) => expect(read(args)).toEqual(expected));
});

describe("the first word of a command line", () => {
  test.each([
    [["run", "-q", "list"], "run", ["-q", "list"]],
    [["-o", "json", "run", "list"], "run", ["-o", "json", "list"]],
    [["-qv", "run", "-qv"], "run", ["-qv", "-qv"]],
    [["--quiet", "run", "--quiet", "x"], "run", ["--quiet", "--quiet", "x"]],
    [["--", "run", "-qv"], "run", ["--", "-qv"]],
    [["-q", "--", "--", "run"], "--", ["-q", "--", "run"]],
    [["-5", "run"], "-5", ["run"]],
    [["-q", "-ojson"], undefined, ["-q", "-ojson"]],
    [["-q", "--"], undefined, ["-q", "--"]],
    [[], undefined, []],
  ])("of %j is %j", (args, word, rest) => expect(readFirstWord(args, flags)).toMatchObject({ word, rest }));

  test("is looked for behind the flags, which are read", () => {
    const { before } = readFirstWord(["-o", "json", "--frob", "run", "--message"], flags);
    expect(before).toEqual({
      words: [],
      given: new Map([["output", ["json"]]]),
      unknown: ["--frob"],
      valueless: ["--message"],
    });
    expect(readFirstWord(["-q", "run", "--frob"], flags).before.unknown).toEqual([]);
  });
});
