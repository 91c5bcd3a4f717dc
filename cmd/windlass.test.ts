import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunPhase } from "../src/gen/windlass/v1/run_pb.ts";
import { FakeRuns, runId } from "../test/support/cli/fake-runs.ts";
import { FakeServer } from "../test/support/cli/fake-server.ts";
import { eventually } from "../test/support/cli/run-cli.ts";
import { programPath } from "../test/support/programs.ts";

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "windlass-cli-"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(programPath("windlass"), args, { env: { HOME: home, ...environment } });
  const seen = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    seen.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    seen.stderr += chunk.toString();
  });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, seen, exit };
}

describe("the program", () => {
  test("prints its version and ends by itself", async () => {
    const { exit, seen } = start(["version"]);
    expect(await exit).toBe(0);
    expect(seen).toEqual({ stdout: expect.stringMatching(/^windlass \d+\.\d+\.\d+ \(Node 2\d\./), stderr: "" });
  });

  test("answers a mistake with exit code 2 and nothing on stdout", async () => {
    const { exit, seen } = start(["pol", "list"]);
    expect(await exit).toBe(2);
    expect(seen.stdout).toBe("");
  });

  test("Ctrl-C ends it with 130, a reader that goes away with 0", async () => {
    const fake = new FakeRuns();
    await using server = await new FakeServer(fake.routes).start();
    const environment = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" };
    fake.planning();
    fake.log(RunPhase.PLAN, "line\n");
    const [interrupted, unread] = [
      start(["run", "logs", runId, "-f"], environment),
      start(["run", "logs", runId, "-f"], environment),
    ];
    await eventually(() => interrupted.seen.stdout === "line\n" && unread.seen.stdout === "line\n");
    interrupted.child.kill("SIGINT");
    expect(await interrupted.exit).toBe(130);
    expect(interrupted.seen.stderr).toContain(`Interrupted. Run ${runId} goes on`);
    unread.child.stdout.destroy();
    fake.log(RunPhase.PLAN, "another line\n");
    fake.log(RunPhase.PLAN, "and another\n");
    expect(await unread.exit).toBe(0);
  });
});
