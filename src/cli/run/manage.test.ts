import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns, runId } from "../../../test/support/cli/fake-runs.ts";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { PlanAction, RunPriority, RunState } from "../../gen/windlass/v1/run_pb.ts";

let fake: FakeRuns;
let server: FakeServer;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
});
afterEach(() => server.stop());

const cli = (...args: readonly string[]) =>
  runCli(args, { environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" } });

test("run retry names the new run, and how to follow it", async () => {
  const { stdout, stderr } = await cli("run", "retry", `run/${runId}`, "-m", "again");
  expect(stdout).toBe(`✓ Started ${runId}, which repeats ${runId}\n`);
  expect(stderr).toContain(`windlass run logs ${runId} -f`);
  expect(fake.retried).toEqual([{ id: runId, message: "again" }]);
});

test("a server that says where its UI is has links to runs: for people, and beside the answer", async () => {
  const link = `https://windlass.example.com/o/acme/runs/${runId}`;
  const said = async (...words: readonly string[]) => {
    const { stdout, stderr } = await cli("run", ...words);
    return [stdout.includes(link), stderr.includes(`See it at ${link}\n`)];
  };
  const start = ["start", "network", "--cv", "latest", "--detach"];
  expect([await said("get", runId), await said(...start)]).toEqual(Array(2).fill([false, false]));
  fake.web = { hasWeb: true, publicUrl: "https://windlass.example.com" };
  expect((await cli("run", "get", runId)).stdout).toMatch(new RegExp(`Page: +${link}\n`));
  expect([await said(...start), await said("retry", runId)]).toEqual(Array(2).fill([false, true]));
  expect(await said("get", runId, "-o", "json")).toEqual([false, false]);
  expect(await said(...start, "-o", "json")).toEqual([false, false]);
  fake.web = { publicUrl: "https://windlass.example.com" };
  expect(await said("get", runId)).toEqual([false, false]);
});

test("run priority and run comment say what they are told", async () => {
  expect((await cli("run", "priority", runId, "high")).exit).toBe(0);
  expect(fake.prioritized).toEqual([{ id: runId, priority: RunPriority.HIGH }]);
  const { exit, stderr } = await cli("run", "priority", runId, "urgent");
  expect([exit, stderr]).toEqual([2, expect.stringContaining("one of high, normal, low")]);
  await cli("run", "comment", runId, "see", "CHG-118");
  expect(fake.comments).toEqual([{ id: runId, comment: "see CHG-118" }]);
});

test("run get shows what happened, who decided and who canceled", async () => {
  fake.change({
    ...{ state: RunState.CANCELED, decidedBy: "ana", decisionComment: "ok, CHG-118", canceledBy: "ben" },
    ...{ priority: RunPriority.HIGH, retryOf: "run_0" },
  });
  fake.events = [
    { time: { seconds: 1n }, title: "created", actor: "ana", state: RunState.PENDING, comment: "resize\ndb" },
    { time: { seconds: 2n }, title: "planning on vm-7", actor: "vm-7", state: RunState.PLANNING },
    { time: { seconds: 3n }, title: "commented", actor: "ben", comment: "looks odd" },
  ];
  const { stdout } = await cli("run", "get", runId);
  expect(stdout).toMatch(/Comment: +ok, CHG-118/);
  expect(stdout).toMatch(/Canceled by: +ben/);
  expect(stdout).toMatch(/Priority: +high/);
  expect(stdout).toMatch(/Retry of: +run_0/);
  expect(stdout).toContain(
    [
      "Timeline:",
      "  1970-01-01T00:00:01Z * created [ana]: resize db",
      "  1970-01-01T00:00:02Z * planning on vm-7",
      "  1970-01-01T00:00:03Z   commented [ben]: looks odd",
    ].join("\n"),
  );
});

test("run list sends its filters", async () => {
  const flags = ["--active", "--search", "db", "--pool", "pool/prod", "--tag", "eu,prod", "--since", "2026-01-01"];
  expect((await cli("run", "list", "-w", "workspace/net", ...flags, "--state", "planned")).exit).toBe(0);
  expect(fake.listed[0]).toMatchObject({
    ...{ workspace: "net", active: true, search: "db", agentPool: "prod", tags: ["eu", "prod"] },
    ...{ states: [RunState.PLANNED], createdAfter: { seconds: 1_767_225_600n } },
  });
});

describe("run plan", () => {
  beforeEach(() => {
    fake.plan = {
      counts: { add: 1, change: 0, destroy: 1 },
      resourceChanges: [
        { address: "t.new", action: PlanAction.CREATE },
        { address: "t.moved", action: PlanAction.NO_OP, previousAddress: "t.was" },
        { address: "t.gone", action: PlanAction.DESTROY },
      ],
      resourceDrift: [{ address: "t.drifted", action: PlanAction.UPDATE }],
    };
  });

  test("prints the plan", async () => {
    const { stdout } = await cli("run", "plan", runId);
    expect(stdout.indexOf("- t.gone")).toBeLessThan(stdout.indexOf("+ t.new"));
    expect(stdout).toContain("Plan: 1 to add, 0 to change, 1 to destroy\n");
  });

  test("--only leaves everything else out, of the JSON too", async () => {
    const { stdout } = await cli("run", "plan", runId, "--only", "destroy,move");
    expect(stdout).toContain("t.gone");
    expect(stdout).toContain("t.moved (moved from t.was)");
    expect(stdout).not.toMatch(/t\.new|t\.drifted/);
    const json = JSON.parse((await cli("run", "plan", runId, "--only", "drift", "-o", "json")).stdout);
    expect(json).toMatchObject({ resourceChanges: [], resourceDrift: [{ address: "t.drifted" }] });
  });
});

test("with --detailed-exitcode a mistake is 1: 2 says that there are changes", async () => {
  expect((await cli("run", "start", "net", "--plan-onl")).exit).toBe(2);
  expect((await cli("run", "start", "net", "--plan-onl", "--detailed-exitcode")).exit).toBe(1);
  const { exit, stderr } = await cli("run", "start", "net", "--detailed-exitcode", "-o", "json");
  expect([exit, JSON.parse(stderr).error.exitCode]).toEqual([1, 1]);
});

describe("run cancel of a workspace", () => {
  const over = { workspace: "network", state: RunState.PLANNED_AND_FINISHED, endTime: { seconds: 5n } };

  test("is about the run that can be canceled, and says when it has ended at once", async () => {
    fake.change({ state: RunState.CANCELED });
    fake.others = [{ id: "run_01h455vb4pex5vsknk084sn02r", workspace: "network", state: RunState.PENDING }];
    const { stdout } = await cli("run", "cancel", "network");
    expect(fake.canceled).toEqual(["run_01h455vb4pex5vsknk084sn02r"]);
    expect(fake.listed[0]).toMatchObject({ workspace: "network", active: true });
    expect(stdout).toBe("✓ Canceled run_01h455vb4pex5vsknk084sn02r\n");
  });

  test("says in words that none can be", async () => {
    fake.change(over);
    const { exit, stderr } = await cli("run", "cancel", "network");
    expect(exit).toBe(5);
    expect(stderr).toBe(
      `Error: every run of workspace network has ended: the newest, ${runId}, is planned and finished\n  See them:  windlass run list -w network\n`,
    );
    expect(fake.canceled).toEqual([]);
  });
});

test("run get tells a failure once, and run list tells it too", async () => {
  const errorMessage =
    "terraform plan failed: main.tf:1: Reference to undeclared input variable (exit code 1): see the log";
  fake.change({ state: RunState.ERRORED, errorMessage, plan: { agentName: "vm-7", errorMessage } });
  fake.events = [{ time: { seconds: 1n }, title: "the plan failed", comment: errorMessage, state: RunState.ERRORED }];
  expect((await cli("run", "get", runId)).stdout.split(errorMessage)).toHaveLength(2);
  expect((await cli("run", "list")).stdout).toContain(errorMessage);
});

test("a message longer than the server keeps is cut", async () => {
  await cli("run", "retry", runId, "-m", "ü".repeat(2000));
  expect([...(fake.retried[0]?.message ?? "")]).toHaveLength(1024);
  expect(fake.retried[0]?.message.endsWith("ü…")).toBe(true);
});
