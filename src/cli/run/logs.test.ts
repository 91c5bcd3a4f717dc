import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns, runId } from "../../../test/support/cli/fake-runs.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { eventually, runCli, startCli } from "../../../test/support/cli/run-cli.ts";
import { RunPhase, RunState } from "../../gen/windlass/v1/run_pb.ts";
import { BrokenPipe, Interrupted } from "../terminal/io.ts";

let fake: FakeRuns;
let server: FakeServer;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
});
afterEach(() => server.stop());

const setting = () => ({ environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" } });

function finished(): void {
  fake.planning();
  fake.log(RunPhase.PLAN, "the plan\n");
  fake.planned();
  fake.applying();
  fake.log(RunPhase.APPLY, "the apply\n");
  fake.applied();
}

describe("run logs", () => {
  test("prints both phases of the newest run of a workspace", async () => {
    finished();
    expect(await runCli(["run", "logs", "network"], setting())).toEqual({
      exit: 0,
      stdout: "the plan\nthe apply\n",
      stderr: "",
    });
  });

  test("one phase from a byte", async () => {
    finished();
    const { stdout } = await runCli(["run", "logs", runId, "--phase", "apply", "--since-offset", "4"], setting());
    expect(stdout).toBe("apply\n");
    expect(fake.logRequests).toMatchObject([{ phase: RunPhase.APPLY, offset: 4n, follow: false }]);
  });

  test("-o jsonl prints the messages", async () => {
    finished();
    const { stdout } = await runCli(["run", "logs", runId, "--phase", "plan", "-o", "jsonl"], setting());
    const chunk = Buffer.from("the plan\n").toString("base64");
    expect(JSON.parse(stdout)).toMatchObject({ offset: "0", chunk, end: true });
  });

  test("a phase that has not begun has no log: exit code 3", async () => {
    fake.planning();
    const { exit, stderr } = await runCli(["run", "logs", runId, "--phase", "apply"], setting());
    expect(exit).toBe(3);
    expect(stderr).toContain(`run ${runId} has no apply log yet: it is planning on vm-7`);
  });

  test("-f goes on through the confirmation to the end of the apply", async () => {
    const run = startCli(["run", "logs", runId, "-f"], setting());
    fake.planning();
    fake.log(RunPhase.PLAN, "the plan\n");
    await eventually(() => run.stdout() === "the plan\n", run.stderr);
    fake.planned();
    await eventually(() => run.stderr().includes("planned: 2 to add"));
    fake.applying();
    fake.log(RunPhase.APPLY, "the apply\n");
    fake.applied();
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe("the plan\nthe apply\n");
  });

  test("a reader of stdout that goes away is a quiet end", async () => {
    const run = startCli(["run", "logs", runId, "-f"], setting());
    fake.planning();
    fake.log(RunPhase.PLAN, "the plan\n");
    await eventually(() => run.stdout() === "the plan\n", run.stderr);
    run.abort(new BrokenPipe());
    expect(await run.exit).toBe(0);
    expect(run.stderr()).not.toContain("Error");
  });
});

describe("the escapes of a log", () => {
  const shown = async (args: readonly string[], isTty: boolean) => {
    fake.planning();
    fake.log(RunPhase.PLAN, "\u001b[1mbold\u001b[0m \u001b]0;ti");
    fake.log(RunPhase.PLAN, "tle\u0007\u001b[2Jtext\n");
    fake.endLog(RunPhase.PLAN);
    return (await runCli(["run", "logs", runId, "--phase", "plan", ...args], { ...setting(), isTty })).stdout;
  };

  test("a terminal is shown colours, and obeys nothing else", async () => {
    expect(await shown([], true)).toBe("\u001b[1mbold\u001b[0m text\n\u001b[0m");
  });

  test("a file is given none of them", async () => {
    expect(await shown([], false)).toBe("bold text\n");
  });

  test("--raw gives all of them", async () => {
    expect(await shown(["--raw"], true)).toBe("\u001b[1mbold\u001b[0m \u001b]0;title\u0007\u001b[2Jtext\n");
  });
});

describe("run watch", () => {
  test("prints each state and exits by the outcome", async () => {
    const run = startCli(["run", "watch", runId], setting());
    await eventually(() => run.stdout().includes("pending"), run.stderr);
    fake.planning();
    await eventually(() => run.stdout().includes("planning on vm-7"));
    fake.change({ state: RunState.CANCELED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(6);
    expect(run.stdout()).toBe(`${runId} in workspace network\n● pending\n● planning on vm-7\n● canceled\n`);
  });

  test("Ctrl-C is 130 and cancels nothing", async () => {
    const run = startCli(["run", "watch", runId], setting());
    await eventually(() => run.stdout().includes("pending"), run.stderr);
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
    expect(fake.canceled).toEqual([]);
  });

  test("goes on after a broken connection; Ctrl-C names the run and how to go on", async () => {
    const run = startCli(["run", "watch", runId], setting());
    await eventually(() => run.stdout().includes("pending"), run.stderr);
    server.cutConnections();
    await eventually(() => run.stderr().includes("the connection to the server is lost"));
    fake.planning();
    await eventually(() => run.stdout().includes("planning on vm-7"), run.stderr);
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
    expect(run.stderr()).toContain(`Interrupted. Run ${runId} goes on`);
  });

  test.each([403, 404, 502])("goes on after a proxy in the middle has answered %i for a while", async (status) => {
    const run = startCli(["run", "watch", runId], setting());
    await eventually(() => run.stdout().includes("pending"), run.stderr);
    fake.planning();
    await eventually(() => run.stdout().includes("planning on vm-7"), run.stderr);
    server.proxyAnswers = status;
    server.cutConnections();
    await eventually(() => run.stderr().includes("the connection to the server is lost"), run.stderr);
    await eventually(() => server.proxyAnswered >= 3, run.stderr);
    fake.applying();
    server.proxyAnswers = undefined;
    await eventually(() => run.stdout().includes("applying on vm-7"), run.stderr);
    expect(run.stderr()).toContain("connected again");
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
  });

  test("a list that is watched is shown again once a proxy lets it through", async () => {
    const run = startCli(["run", "list", "--watch", "--columns", "id,state"], setting());
    await eventually(() => run.stdout().includes("pending"), run.stderr);
    server.proxyAnswers = 404;
    await eventually(() => run.stderr().includes("the connection to the server is lost; connecting again"), run.stderr);
    fake.planning();
    server.proxyAnswers = undefined;
    await eventually(() => run.stdout().includes("planning"), run.stderr);
    expect(run.stderr()).toContain("connected again");
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
  });

  test.each([403, 404])("ends when a proxy answers %i from the beginning, and says so", async (status) => {
    server.proxyAnswers = status;
    const { exit, stderr } = await runCli(["run", "watch", runId], setting());
    expect(exit).toBe(7);
    expect(stderr).toContain(`something between here and the server (nginx) answers ${status} with a web page`);
  });

  test("-o jsonl prints a run a line", async () => {
    fake.change({ state: RunState.APPLIED, endTime: { seconds: 3n } });
    const { stdout } = await runCli(["run", "watch", runId, "-o", "jsonl"], setting());
    expect(JSON.parse(stdout)).toMatchObject({ id: runId, state: "RUN_STATE_APPLIED" });
  });
});

describe("run confirm", () => {
  test("sends the hash of the plan that was read", async () => {
    fake.planned();
    const { exit, stdout } = await runCli(["run", "confirm", "network", "--comment", "ok"], setting());
    expect({ exit, stdout }).toEqual({
      exit: 0,
      stdout: `✓ Confirmed ${runId}: 2 to add, 1 to change, 0 to destroy\n`,
    });
    expect(fake.confirmed).toMatchObject([{ planSha256: "a".repeat(64), comment: "ok" }]);
  });

  test("of a workspace means the run that waits, not the newest", async () => {
    const waiting = "run_01h455vb4pex5vsknk084sn03q";
    fake.others = [{ id: waiting, state: RunState.PLANNED, workspace: "network" }];
    await runCli(["run", "confirm", "network"], setting());
    await runCli(["run", "discard", "workspace/network"], setting());
    expect([fake.confirmed[0]?.runId, fake.discarded[0]]).toEqual([waiting, waiting]);
    await runCli(["run", "confirm", `run/${runId}`, "--yes"], setting());
    expect(fake.confirmed).toHaveLength(1);
  });

  test("of a run that does not wait is refused before anything is asked", async () => {
    fake.change({ state: RunState.PLANNING, options: { destroy: true } });
    const { exit, stderr } = await runCli(["run", "confirm", runId], setting());
    expect(exit).toBe(5);
    expect(stderr).toContain(`Error: run ${runId} is planning: there is nothing to confirm`);
  });
});
