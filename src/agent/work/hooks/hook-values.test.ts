import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepHookValues, maxValuesBytes, parseHookValues, readHookValues, valuesIn } from "./hook-values.ts";

const told = (text: string) => Object.fromEntries(parseHookValues(text).map(({ name, value }) => [name, value]));

describe("what a hook says", () => {
  test.each<[string, string, Record<string, string>]>([
    ["one value a line", "A=1\nB=two words\n", { A: "1", B: "two words" }],
    ["an equals sign in a value", "URL=https://h/?a=b\n", { URL: "https://h/?a=b" }],
    ["an empty value", "A=\n", { A: "" }],
    ["lines that are empty, and those of another system", "\r\nA=1\r\n\r\n", { A: "1" }],
    ["a text", "KEY<<END\nline 1\nA=2\nEND\nB=3", { KEY: "line 1\nA=2", B: "3" }],
    ["a text that is empty", "KEY<<END\nEND\n", { KEY: "" }],
    ["angle brackets in a value", "A=a<<b\n", { A: "a<<b" }],
    ["nothing", "", {}],
  ])("%s", (_, text, values) => expect(told(text)).toEqual(values));

  test.each<[string, string, RegExp]>([
    ["no name", "=1", /may not set ""/],
    ["no value", "A", /line 1 is neither/],
    ["a text without an end", "A=1\nKEY<<END\nx", /"KEY" has no end/],
    ["a text whose end has no name", "KEY<<\nx", /"KEY" has no end/],
    ["code for every program", "LD_PRELOAD=/x.so", /LD_PRELOAD.*load code/],
    ["terraform's arguments", "TF_CLI_ARGS_apply=-lock=false", /arguments/],
    ["a name of the agent's own", "WINDLASS_AGENT_TOKEN=x", /belong to the agent/],
    ["where programs are found", "PATH=/evil", /the agent sets it/],
  ])("is refused: %s", (_, text, why) => expect(() => parseHookValues(text)).toThrow(why));
});

describe("what hooks have set", () => {
  let dir: string;
  const kept = () => join(dir, "hooks.json");
  const said = () => join(dir, "said");
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-hooks-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("is kept once: what is written behind the hook counts no more", async () => {
    await writeFile(said(), "A=1\n");
    await keepHookValues(kept(), "hook-1", said());
    await writeFile(said(), "A=2\n");
    await keepHookValues(kept(), "hook-1", said());
    await keepHookValues(kept(), "hook-2", said());
    expect(valuesIn(await readHookValues(kept()))).toEqual([
      { name: "A", value: "1" },
      { name: "A", value: "2" },
    ]);
  });

  test("is nothing where a hook has written none, or a link lies in the place of its file", async () => {
    await keepHookValues(kept(), "hook-1", said());
    await writeFile(join(dir, "secret"), "A=1\n");
    await symlink(join(dir, "secret"), said());
    await keepHookValues(kept(), "hook-1", said());
    expect(await readHookValues(kept())).toEqual({});
  });

  test("has a bound", async () => {
    await writeFile(said(), `A=${"x".repeat(maxValuesBytes)}`);
    await expect(keepHookValues(kept(), "hook-1", said())).rejects.toThrow(/more than 256 KiB/);
  });
});
