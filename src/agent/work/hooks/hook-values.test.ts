import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  keepHookValues,
  maskedIn,
  maxValuesBytes,
  parseHookValues,
  readHookValues,
  type SaidRules,
  valuesIn,
} from "./hook-values.ts";

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
  const masks = () => join(dir, "masks");
  const keep = (step: string, rules?: SaidRules) =>
    keepHookValues(kept(), { step, said: { values: said(), masks: masks() } }, rules);
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-hooks-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("is kept once: what is written behind the hook counts no more", async () => {
    await writeFile(said(), "A=1\n");
    await keep("hook-1");
    await writeFile(said(), "A=2\n");
    await keep("hook-1");
    await keep("hook-2");
    expect(valuesIn(await readHookValues(kept()))).toEqual([
      { name: "A", value: "1" },
      { name: "A", value: "2" },
    ]);
  });

  test("is nothing where a hook has written none, or a link lies in the place of its file", async () => {
    await keep("hook-1");
    await writeFile(join(dir, "secret"), "A=1\n");
    await symlink(join(dir, "secret"), said());
    await keep("hook-2");
    expect(valuesIn(await readHookValues(kept()))).toEqual([]);
  });

  test("stays nothing if something is written to the file of a hook that has ended", async () => {
    await keep("hook-1");
    await writeFile(said(), "A=forged\n");
    await keep("hook-1");
    expect(valuesIn(await readHookValues(kept()))).toEqual([]);
  });

  test("is masked where its name is on the list, also late, with what is in it", async () => {
    await writeFile(said(), 'A=first-secret\nB=seen\nC={"key":"inner-secret"}\n');
    await writeFile(masks(), "A\r\n\n C \n");
    await keep("hook-1");
    await rm(said());
    await writeFile(masks(), "B\n");
    await keep("hook-2");
    const values = await readHookValues(kept());
    expect(maskedIn(values, ["hook-1"])).toEqual(["first-secret", '{"key":"inner-secret"}', "inner-secret"]);
    expect(maskedIn(values)).toContain("seen");
    expect(valuesIn(values).at(-1)).toEqual({ name: "B", value: "seen" });
  });

  test("of a hook that has failed, only what is masked is kept", async () => {
    await writeFile(said(), "A=first-secret\nB=seen\n");
    await writeFile(masks(), "A\n");
    await keep("hook-1", { maySet: [], isFailed: true });
    expect(valuesIn(await readHookValues(kept()))).toEqual([{ name: "A", value: "first-secret" }]);
  });

  test("is refused where a name is masked that nobody has set: its value would be shown", async () => {
    await writeFile(said(), "TOKEN=x\n");
    await writeFile(masks(), "TOKENS\n");
    await expect(keep("hook-1")).rejects.toThrow(/"TOKENS" on the list of WINDLASS_MASK, which no hook has set/);
  });

  test("may be arguments for terraform where the operator lets it, and nothing else that is refused", async () => {
    const rules = { maySet: ["TF_CLI_ARGS_plan"] };
    await writeFile(said(), "TF_CLI_ARGS_plan=-compact-warnings\n");
    await expect(keep("hook-1")).rejects.toThrow(/may not set "TF_CLI_ARGS_plan"/);
    await keep("hook-1", rules);
    await writeFile(said(), "TF_CLI_ARGS_apply=-lock=false\n");
    await expect(keep("hook-2", rules)).rejects.toThrow(/may not set "TF_CLI_ARGS_apply"/);
  });

  test("has a bound", async () => {
    await writeFile(said(), `A=${"x".repeat(maxValuesBytes)}`);
    await expect(keep("hook-1")).rejects.toThrow(/more than 256 KiB/);
  });
});
