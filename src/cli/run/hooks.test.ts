import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns, runId } from "../../../test/support/cli/fake-runs.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { RunPhase } from "../../gen/windlass/v1/run_pb.ts";

let fake: FakeRuns;
let server: FakeServer;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
});
afterEach(() => server.stop());

const cli = (...args: readonly string[]) =>
  runCli(["run", ...args], { environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" } });

describe("run get", () => {
  const hook = { phase: RunPhase.PLAN, name: "post-plan.d/cost", sha256: "0123456789abcdef".repeat(4), exitCode: 10 };
  const told = async (summary: string) => {
    fake.change({ hooks: [{ ...hook, summary }] });
    const { stdout } = await cli("get", runId);
    const lines = stdout.split("\n");
    const from = lines.findIndex((line) => line.startsWith("Plan's hook:"));
    return lines.slice(
      from,
      lines.findIndex((line, at) => at > from && /^\S/.test(line)),
    );
  };
  const head = expect.stringMatching(/^Plan's hook: +post-plan\.d\/cost \(SHA-256 0123456789ab\): exit code 10$/);

  test("names a hook with its hash, and has its whole summary below it", async () => {
    expect(await told("")).toEqual([head]);
    expect(await told("\n# Cost\r\n\n| net\t| 12 |\n\n\n")).toEqual([head, "    # Cost", "", "    | net | 12 |"]);
  });

  test("lets nothing in a summary act on the terminal", async () => {
    expect(await told("a\u001b[2J\rb\u202ec")).toEqual([head, "    a [2J", "    bc"]);
  });

  test("leaves out what is longer than 20 lines, and says how many and where they are", async () => {
    const lines = Array.from({ length: 23 }, (_, at) => `line ${at}`);
    expect(await told(lines.slice(0, 20).join("\n"))).toHaveLength(21);
    expect(await told(lines.join("\n"))).toEqual([
      head,
      ...lines.slice(0, 20).map((line) => `    ${line}`),
      `    (and 3 more lines: windlass run get ${runId} -o json, or the run's page)`,
    ]);
  });
});

test("a plan that a hook has denied is left with the hook's name, and who may confirm it", async () => {
  fake.planned();
  fake.change({ deniedBy: "post-plan.d/cost" });
  const { exit, stderr } = await cli("start", "network", "--cv", "latest", "--no-wait");
  expect(exit).toBe(8);
  expect(stderr).toContain(
    `run ${runId} waits for an owner to confirm it (2 to add, 1 to change, 0 to destroy): the hook post-plan.d/cost has denied the plan`,
  );
  expect(stderr).toMatch(/Confirm it as an owner:\s+windlass run confirm/);
});
