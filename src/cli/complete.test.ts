import { describe, expect, test } from "vitest";
import { runCli } from "./testing/run-cli.ts";

const complete = async (...words: readonly string[]) =>
  (await runCli(["__complete", ...words])).stdout.split("\n").filter((line) => line !== "");

describe("completion", () => {
  test("of nouns, verbs, flags and choices", async () => {
    expect(await complete("po")).toEqual(["pool"]);
    expect(await complete("run", "s")).toEqual(["start"]);
    expect(await complete("runs", "start", "net", "--plan")).toEqual(["--plan-only"]);
    expect(await complete("pool", "list", "-o", "j")).toEqual(["json", "jsonl"]);
    expect(await complete("ws", "create", "net", "--execution-mode", "")).toEqual(["agent", "local", "remote"]);
    expect(await complete("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  test("of nonsense is empty", async () => expect(await complete("nonsense", "")).toEqual([]));
});
