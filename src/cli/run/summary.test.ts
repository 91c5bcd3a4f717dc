import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns, runId } from "../../../test/support/cli/fake-runs.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { eventually, runCli, startCli } from "../../../test/support/cli/run-cli.ts";
import { JobStatus, RunPhase, RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { runColumns } from "./view.ts";

let fake: FakeRuns;
let server: FakeServer;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
});
afterEach(() => server.stop());

const environment = () => ({ WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" });
const cli = (...args: readonly string[]) => runCli(args, { environment: environment() });

const refreshOnly = { options: { refreshOnly: true }, hasChanges: true } as const;

describe("a refresh-only run", () => {
  test("asks whether to accept what changed outside of terraform, and tells it everywhere", async () => {
    const run = startCli(["run", "start", "network", "--cv", "latest", "--refresh-only"], {
      ...{ environment: environment(), isTty: true },
    });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    fake.planned();
    fake.change({ ...refreshOnly, plannedChanges: { drift: 3 } });
    await eventually(() => run.stderr().includes("network: 3 changed outside of terraform: accept?"));
    expect(run.stderr()).toContain("planned: 3 changed outside of terraform");
    expect((await cli("run", "get", runId)).stdout).toMatch(/Planned: +3 changed outside of terraform\n/);
    const column = runColumns.find(({ name }) => name === "CHANGES");
    expect(column?.value(fake.run, new Date())).toBe("3 changed outside of terraform");
    run.type("\r");
    expect(await run.exit).toBe(8);
    expect(run.stderr().replace(/\s+/g, " ")).toContain("waits for confirmation (3 changed outside of terraform)");
  });

  test("tells what was accepted, and that only recorded values change where no object has", async () => {
    const applied = { state: RunState.APPLIED, plannedChanges: {}, appliedChanges: { drift: 3 } };
    fake.change({ ...refreshOnly, ...applied, hasChanges: true });
    const { stdout } = await cli("run", "get", runId);
    expect(stdout).toMatch(/Planned: +recorded values to update\n/);
    expect(stdout).toMatch(/Applied: +3 changed outside of terraform, accepted\n/);
  });
});

const ended = { state: RunState.ERRORED, endTime: { seconds: 3n } } as const;
const failed = {
  jobId: "job_2",
  status: JobStatus.ERRORED,
  agentName: "vm-7",
  startTime: { seconds: 2n },
  exitCode: 1,
};

describe("what to do about a run that ended in error, once its log was shown:", () => {
  const retry = `windlass run retry ${runId}`;
  test.each<[string, Parameters<FakeRuns["change"]>[0], string]>([
    ["its plan was refused: another configuration", { plan: failed }, "windlass run start network --dir DIR"],
    ["the machine ended its plan: the same again", { plan: { ...failed, exitCode: 137 } }, retry],
    ["its apply failed: the same again", { plan: { ...failed, exitCode: 2 }, apply: failed }, retry],
    [
      "it was destroyed but for what was forgotten: nothing, but to see what stays",
      { options: { destroy: true }, apply: failed, appliedChanges: { destroy: 1, forget: 2 } },
      `windlass run plan ${runId}`,
    ],
    [
      "it was not destroyed to its end: the same again",
      { options: { destroy: true }, apply: failed, appliedChanges: { destroy: 1 } },
      retry,
    ],
  ])("%s", async (_, patch, expected) => {
    const run = startCli(["run", "start", "network", "--cv", "latest"], { environment: environment() });
    await eventually(() => fake.created.length === 1);
    fake.planning();
    for (const phase of [RunPhase.PLAN, RunPhase.APPLY]) fake.endLog(phase);
    fake.change({ ...ended, ...patch });
    expect(await run.exit).toBe(6);
    const commands = run.stderr().match(/windlass run (retry|start|plan) .*/g);
    expect(commands).toEqual([expected]);
  });
});

test("what a destroy has forgotten is told, though it ended in error", async () => {
  const counts = { appliedChanges: { destroy: 1, forget: 2 }, plannedChanges: { destroy: 1, forget: 2 } };
  fake.change({ ...ended, ...counts, engine: "tofu", options: { destroy: true }, apply: failed });
  const { stdout } = await cli("run", "get", runId);
  expect(stdout).toMatch(/Applied: +0 added, 0 changed, 1 destroyed, 2 forgotten\n/);
});

test("what ended a phase is told once, with what became of it since", async () => {
  const cause = "agent vm-7 was lost during the apply: what it did is not known";
  const later = "Recovered: the agent came back, terraform had applied everything, state serial 3 was recovered";
  fake.change({ ...ended, errorMessage: `${cause}. ${later}`, apply: { ...failed, errorMessage: cause } });
  const { stdout } = await cli("run", "get", runId);
  expect(stdout.match(/was lost during the apply/g)).toHaveLength(1);
  expect(stdout).toContain(later);
  fake.change({ errorMessage: later });
  expect((await cli("run", "get", runId)).stdout).toMatch(/Apply: .*, agent vm-7 was lost during the apply/);
});

test("what was in flight is told with what was being done to it", async () => {
  const inFlight = [
    { address: "postgresql_role.r", action: "create" },
    { address: "aws_instance.a", action: "delete", idKey: "id", id: "i-1" },
  ];
  fake.change({ state: RunState.FORCE_CANCELED, inFlight, resourcesInFlight: ["postgresql_role.r", "aws_instance.a"] });
  const texts = "postgresql_role.r (creating), aws_instance.a (destroying, id=i-1)";
  expect((await cli("run", "get", runId)).stdout).toContain(`In flight when ended:  ${texts}\n`);
  const watched = await cli("run", "watch", runId);
  expect(watched).toMatchObject({ exit: 6, stderr: expect.stringContaining(`; in flight were ${texts}`) });
  expect(watched.stderr).toContain(`windlass run logs ${runId}`);

  fake.change({
    state: RunState.ERRORED,
    inFlight: [],
    apply: { status: JobStatus.INTERRUPTED },
    waiting: { reason: WaitingReason.RESOLUTION },
  });
  expect((await cli("run", "get", runId)).stdout).toContain(
    "In flight when lost:  postgresql_role.r, aws_instance.a\n",
  );
  expect((await cli("run", "watch", runId)).stderr).toContain(`windlass run resolve ${runId}\n`);
});

test("a warning is told by run start, with and without following, by run watch and by run get", async () => {
  const warnings = ["the apply of run_0 was ended by force while a.b was being created\u001b[2J"];
  const warned = /! ?.*the apply of run_0 was ended by force while a\.b was being created/;
  fake.change({ warnings });
  const detached = await cli("run", "start", "network", "--cv", "latest", "--detach");
  expect(detached.stderr).toMatch(warned);
  expect(detached.stderr).not.toContain("\u001b[2J");
  const run = startCli(["run", "start", "network", "--cv", "latest"], { environment: environment() });
  await eventually(() => run.stderr().includes("while a.b was being created"));
  fake.change({ state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 3n } });
  expect(await run.exit).toBe(0);
  expect(run.stderr().match(/while a\.b was being created/g)).toHaveLength(1);
  expect((await cli("run", "get", runId)).stdout).toMatch(/Warning: +the apply of run_0/);
  expect((await cli("run", "watch", runId)).stderr).toContain("the apply of run_0");
  expect(JSON.parse((await cli("run", "get", runId, "-o", "json")).stdout)).toMatchObject({ warnings });
});
