import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns, runId } from "../../../test/support/cli/fake-runs.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { type CliRun, eventually, startCli } from "../../../test/support/cli/run-cli.ts";
import { RunPhase, RunPriority, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { Interrupted } from "../terminal/io.ts";

let fake: FakeRuns;
let server: FakeServer;
let directory: string;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
  directory = mkdtempSync(join(tmpdir(), "windlass-cli-dir-"));
  writeFileSync(join(directory, "main.tf"), 'output "greeting" { value = "hello" }\n');
});

afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Style {
  readonly isTty?: boolean;
  readonly clock?: Clock;
  readonly environment?: Record<string, string>;
}

const start = (
  args: readonly string[] = [],
  { isTty = false, environment = {}, clock = systemClock }: Style = {},
): CliRun =>
  startCli(["run", "start", "network", ...args], {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", ...environment },
    workingDirectory: directory,
    isTty,
    clock,
  });

const stdoutHas = (run: CliRun, text: string) =>
  eventually(
    () => run.stdout().includes(text),
    () => `${run.stdout()}\n${run.stderr()}`,
  );
const stderrHas = (run: CliRun, text: string) =>
  eventually(
    () => run.stderr().includes(text),
    () => `${run.stdout()}\n${run.stderr()}`,
  );

describe("run start", () => {
  test("uploads, follows plan and apply, waits for somebody's confirm, prints outputs", async () => {
    const run = start(["-m", "resize db"]);
    await eventually(() => fake.created.length === 1);
    expect(fake.created[0]).toMatchObject({
      workspace: "network",
      configurationVersionId: "cv_1",
      message: "resize db",
    });
    expect(fake.created[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(fake.uploadedBytes).toBeGreaterThan(0);
    fake.change({
      state: RunState.PLAN_QUEUED,
      waiting: { reason: WaitingReason.AGENTS_BUSY, detail: "every agent of pool prod is busy", queuePosition: 2 },
    });
    await stderrHas(run, "plan queued: every agent of pool prod is busy (position 2)");
    fake.change({ waiting: { reason: WaitingReason.UNSPECIFIED } });
    fake.planning();
    fake.log(RunPhase.PLAN, "\u001b[1mTerraform will\u001b[0m perform\n");
    await stdoutHas(run, "Terraform will perform\n");
    fake.planned();
    await stderrHas(run, `windlass run confirm ${runId}`);
    expect(run.stderr()).toContain("planned: 2 to add, 1 to change, 0 to destroy");
    fake.change({ state: RunState.APPLY_QUEUED });
    fake.applying();
    fake.log(RunPhase.APPLY, "Creating...\n");
    await stdoutHas(run, "Creating...\n");
    fake.applied();
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe(
      'Terraform will perform\nCreating...\n\nOutputs:\n\ngreeting = "hello"\npassword = <sensitive>\n',
    );
    expect(run.stderr()).toContain("applied: 2 added, 1 changed, 0 destroyed");
  });

  test("addresses come from flags and files, and never from files on the server", async () => {
    writeFileSync(join(directory, "list"), '\ufeff# not these\r\n module.db \r\n\n#aws_x.y\naws_a.b["x y"]\n');
    const run = start([
      "--exclude",
      "a.b",
      "--exclude-file",
      "list",
      "--destroy",
      "--suppress-forget-errors",
      "--detach",
    ]);
    expect(await run.exit, run.stderr()).toBe(0);
    expect(fake.checked[0]?.options?.excludes).toEqual(["a.b", "module.db", 'aws_a.b["x y"]']);
    expect(fake.created[0]?.options).toMatchObject({
      excludes: ["a.b", "module.db", 'aws_a.b["x y"]'],
      suppressForgetErrors: true,
      targets: [],
    });
    const limited = start(["--target-file", "list", "--target", "c.d", "--detach"]);
    expect(await limited.exit, limited.stderr()).toBe(0);
    expect(fake.created[1]?.options?.targets).toEqual(["c.d", "module.db", 'aws_a.b["x y"]']);
  });

  test.each([
    [["--target", "a.b", "--exclude-file", "list"], /--target and --exclude exclude each other/],
    [["--suppress-forget-errors"], /needs --destroy/],
    [["--exclude-file", "nowhere"], /--exclude-file: .*nowhere/],
    [["--target-file", "empty"], /empty holds no address/],
  ])("%j is refused before anything is uploaded", async (args, why) => {
    writeFileSync(join(directory, "empty"), "# nothing\n");
    const run = start(args);
    expect(await run.exit).toBe(2);
    expect(run.stderr()).toMatch(why);
    expect([fake.uploadedBytes, fake.created.length]).toEqual([0, 0]);
  });

  test("the end waits for no timer", async () => {
    const timers: { end: "passed" | "cut" | undefined }[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep(ms, signal) {
        const timer: (typeof timers)[number] = { end: undefined };
        timers.push(timer);
        signal?.addEventListener("abort", () => {
          timer.end ??= "cut";
        });
        return systemClock.sleep(ms, signal).then(() => {
          timer.end ??= "passed";
        });
      },
    };
    const run = start([], { clock });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "line\n");
    await stdoutHas(run, "line\n");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(0);
    expect(timers.filter(({ end }) => end === undefined)).toEqual([]);
    // What was left to do after the end was done at once.
    expect(timers.at(-1)?.end).toBe("cut");
  });

  test("a broken log stream goes on at the byte where it broke", async () => {
    const run = start();
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "first\n");
    await stdoutHas(run, "first\n");
    server.cutConnections();
    await stderrHas(run, "the connection to the server is lost");
    fake.log(RunPhase.PLAN, "second\n");
    await stdoutHas(run, "second\n");
    await stderrHas(run, "connected again");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe("first\nsecond\n");
    expect(fake.logRequests.at(-1)?.offset).toBe(6n);
  });

  test("waits for a server that was stopped to come back", async () => {
    const run = start();
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "before\n");
    await stdoutHas(run, "before\n");
    await server.stop();
    await stderrHas(run, "connecting again");
    fake.log(RunPhase.PLAN, "after\n");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.ERRORED, errorMessage: "terraform failed", endTime: { seconds: 3n } });
    await server.start();
    expect(await run.exit).toBe(6);
    expect(run.stdout()).toBe("before\nafter\n");
    expect(run.stderr()).toContain(`Error: run ${runId} ended errored: terraform failed`);
  });

  test("the log of a plan that was started again begins anew", async () => {
    const run = start();
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "one\n");
    await stdoutHas(run, "one\n");
    fake.newAttempt(RunPhase.PLAN);
    fake.log(RunPhase.PLAN, "two, longer\n");
    server.cutConnections();
    await stdoutHas(run, "two, longer\n");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe("one\ntwo, longer\n");
    expect(run.stderr()).toContain("its log begins anew");
  });

  test("--no-wait leaves a planned run with exit code 8 and the command to confirm it", async () => {
    const run = start(["--no-wait"]);
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    expect(await run.exit).toBe(8);
    expect(run.stderr()).toContain(`Still waiting: run ${runId} waits for confirmation (2 to add, 1 to change`);
    expect(run.stderr()).toContain(`windlass run confirm ${runId}`);
    expect(fake.confirmed).toHaveLength(0);
  });

  test("--wait-timeout leaves a queued run with exit code 8", async () => {
    const run = start(["--wait-timeout", "50ms"]);
    expect(await run.exit).toBe(8);
    expect(run.stderr()).toContain(`Still waiting: run ${runId} is pending`);
  });

  test("--yes confirms exactly the plan that was read", async () => {
    const run = start(["--yes"]);
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    await eventually(() => fake.confirmed.length === 1);
    expect(fake.confirmed[0]?.planSha256).toBe("a".repeat(64));
    fake.applying();
    fake.applied();
    expect(await run.exit).toBe(0);
  });

  test("a person is asked, and later leaves the run waiting", async () => {
    const run = start([], { isTty: true });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    await stderrHas(run, "Apply these changes to network?");
    run.type("\r");
    expect(await run.exit).toBe(8);
  });

  test("a person says yes", async () => {
    const run = start([], { isTty: true });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    await stderrHas(run, "Apply these changes to network?");
    run.type("\u001b[A");
    run.type("\u001b[A");
    run.type("\r");
    await eventually(() => fake.confirmed.length === 1);
    fake.applying();
    fake.applied();
    expect(await run.exit).toBe(0);
  });

  test("the question goes away when somebody else decides", async () => {
    const run = start([], { isTty: true });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    await stderrHas(run, "Apply these changes to network?");
    fake.change({ state: RunState.DISCARDED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(6);
    expect(run.stderr()).toContain("ended discarded");
  });

  test("Ctrl-C while it asks says that the run waits, and how to decide", async () => {
    const run = start([], { isTty: true });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    await stderrHas(run, "Apply these changes to network?");
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
    expect(run.stderr()).toContain(`Interrupted. Run ${runId} waits for confirmation`);
    expect(run.stderr()).toContain(`windlass run confirm ${runId}`);
    expect(run.stderr()).not.toContain("goes on");
  });

  test("Ctrl-C leaves the run going and says how to cancel it", async () => {
    const run = start();
    await eventually(() => fake.created.length === 1);
    fake.planning();
    await stderrHas(run, "planning on vm-7");
    run.abort(new Interrupted());
    expect(await run.exit).toBe(130);
    expect(run.stderr()).toContain(`Interrupted. Run ${runId} goes on`);
    expect(run.stderr()).toContain(`windlass run cancel ${runId}`);
    expect(fake.canceled).toHaveLength(0);
  });

  test.each([
    [false, 0],
    [true, 2],
  ])("--detailed-exitcode of a plan with changes %s is %i", async (hasChanges, exit) => {
    const run = start(["--plan-only", "--detailed-exitcode"]);
    await eventually(() => fake.created.length === 1);
    fake.change({ state: RunState.PLANNED_AND_FINISHED, hasChanges, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(exit);
  });

  test("-o json prints the run alone on stdout and the log beside it", async () => {
    const run = start(["-o", "json"]);
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "the log\n");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.CANCELED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(6);
    expect(JSON.parse(run.stdout())).toMatchObject({ id: runId, state: "RUN_STATE_CANCELED" });
    expect(run.stderr()).toContain("the log\n");
    expect(JSON.parse(run.stderr().split("\n").at(-2) ?? "")).toMatchObject({
      error: { code: "RUN_FAILED", exitCode: 6 },
    });
  });

  test("--detach prints the id and leaves", async () => {
    const run = start([
      "--detach",
      "--destroy",
      "--target",
      "a.b",
      "--target",
      "c.d",
      "--var",
      "size=2",
      "--refresh=false",
    ]);
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe(`${runId}\n`);
    expect(fake.created[0]?.options).toMatchObject({
      destroy: true,
      refresh: false,
      targets: ["a.b", "c.d"],
      variables: [{ key: "size", value: "2", hcl: false }],
    });
    expect(fake.created[0]?.options?.autoApply).toBeUndefined();
  });

  test("escapes stay in the log with --raw", async () => {
    const run = start(["--raw", "--plan-only"]);
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.log(RunPhase.PLAN, "\u001b[1mbold\u001b[0m\n");
    fake.endLog(RunPhase.PLAN);
    fake.change({ state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 3n } });
    expect(await run.exit).toBe(0);
    expect(run.stdout()).toBe("\u001b[1mbold\u001b[0m\n");
  });

  test("with --no-wait a run that waits in a queue is left with exit code 8, and so is one that waits for a person", async () => {
    fake.change({
      waiting: { reason: WaitingReason.EARLIER_RUN, detail: "waits for run run_0 to end", queuePosition: 1 },
    });
    const queued = start(["--no-wait"]);
    expect(await queued.exit).toBe(8);
    expect(queued.stderr()).toContain(
      `Still waiting: run ${runId} is pending: waits for run run_0 to end (position 1)`,
    );
    expect(queued.stderr()).toContain(`windlass run watch ${runId}`);
    fake.planned();
    const planned = start(["--no-wait"]);
    expect(await planned.exit).toBe(8);
    expect(planned.stderr()).toContain(`windlass run confirm ${runId}`);
  });

  test("Ctrl-C while the run is being created names the run", async () => {
    const answer = Promise.withResolvers<void>();
    fake.creating = answer.promise;
    const run = start();
    await eventually(() => fake.created.length === 1);
    run.abort(new Interrupted());
    answer.resolve();
    expect(await run.exit).toBe(130);
    expect(run.stderr()).toContain(`Interrupted. Run ${runId} goes on`);
    expect(run.stderr()).toContain(`windlass run cancel ${runId}`);
  });

  test("a directory without any .tf file is refused before anything is uploaded; folders count", async () => {
    rmSync(join(directory, "main.tf"));
    for (const name of [".terraform", "infra"]) mkdirSync(join(directory, name));
    writeFileSync(join(directory, ".terraform", "x.tf"), "");
    for (const args of [[], ["--dir", "."]]) {
      const run = start(args);
      expect(await run.exit).toBe(2);
      expect(run.stderr()).toContain("holds no .tf files");
    }
    expect([fake.created.length, fake.uploadedBytes]).toEqual([0, 0]);
    writeFileSync(join(directory, "infra", "main.tofu"), "");
    fake.workingDirectory = "infra";
    expect(await start(["--detach", "--priority", "high", "--queue-timeout", "30m"]).exit).toBe(0);
    const options = { queueTimeout: { seconds: 1800n } };
    expect(fake.created[0]).toMatchObject({ priority: RunPriority.HIGH, options });
  });
});
