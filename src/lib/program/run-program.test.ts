import { expect, test } from "vitest";
import { runProgram } from "./run-program.ts";

const sh = (script: string, options?: Parameters<typeof runProgram>[2]) =>
  runProgram("/bin/sh", ["-c", script], options);

test("both outputs are given as they were, and an end with 0 is no failure", async () => {
  expect(await sh("echo out; echo err >&2")).toEqual({ stdout: "out\n", stderr: "err\n", failure: undefined });
});

test.each([
  ["its exit code", "exit 3", "Command failed with exit code 3"],
  ["the signal that ended it", "kill -9 $$", "SIGKILL"],
])("a failure says %s, in one line", async (_what, script, expected) => {
  const { failure } = await sh(`printf 'one\\ntwo' >&2; ${script}`);
  expect(failure).toContain(expected);
  expect(failure).not.toContain("\n");
});

test("a program that is not there has an end that says so", async () => {
  expect(await runProgram("/nonexistent/program", [])).toMatchObject({ failure: "spawn /nonexistent/program ENOENT" });
});

test("one that takes too long, says too much or is not wanted any more is killed", async () => {
  expect((await sh("sleep 60", { timeoutMs: 20 })).failure).toContain("timed out after 20 milliseconds");
  expect((await sh("yes", { maxBytes: 1000 })).failure).toContain("maxBuffer");
  const stop = new AbortController();
  const running = sh("sleep 60", { signal: stop.signal });
  stop.abort(new Error("not wanted"));
  expect((await running).failure).toBe("not wanted");
});

test("it gets the environment that is given, and nothing else", async () => {
  const { stdout } = await runProgram("/usr/bin/env", [], { env: { ONLY: "this" } });
  expect(stdout).toBe("ONLY=this\n");
});
