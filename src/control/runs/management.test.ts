import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { RunOptions } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { type ConfigurationId, newId, type RunId } from "../../lib/words/ids.ts";
import { storeSealed } from "../core/sealed-blobs.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { cancelRun, discardRun } from "./decisions.ts";
import { commentRun, listRunEvents, setRunUrgency } from "./events.ts";
import { listRuns } from "./list.ts";
import { getRunPlan } from "./plan.ts";
import { sweepQueues } from "./queue-limits.ts";
import { retryRun } from "./retry.ts";
import { createRun, getRun, type NewRun } from "./runs.ts";

const options: RunOptions = {
  isPlanOnly: false,
  isAutoApply: false,
  isDestroy: false,
  skipsRefresh: true,
  isRefreshOnly: false,
  targets: ["terraform_data.a"],
  replacements: [],
  variables: [{ key: "region", value: "eu", isHcl: false }],
  engineVersion: "",
  allowsEmptyApply: false,
  parallelism: 3,
};

let fixture: TestControl;
let workspace: Workspace;
let configurationId: ConfigurationId;
let operator: Person;

beforeEach(async () => {
  fixture = await openTestControl();
  const { control, as, clock } = fixture;
  operator = as("operator");
  ({ workspace } = await createWorkspace(control, as("owner"), newWorkspace("net")));
  const { id: workspaceId, organizationId } = workspace;
  configurationId = newId("cv", control.random);
  const facts = {
    blobKey: "00",
    bytes: 1,
    sha256: "00",
    ...plainConfiguration,
    fileCount: 1,
    createdBy: "ana",
    createdAt: clock.now(),
  };
  await control.store.write((tx) =>
    tx.configurations.insert({ id: configurationId, organizationId, workspaceId, ...facts }),
  );
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function start(over: Partial<NewRun> = {}, who = operator): Promise<RunId> {
  await fixture.clock.advance(1_000);
  const wish = { workspace: ref("net"), configurationId, options, message: "resize", requestId: "", ...over };
  return (await createRun(fixture.control, who, wish)).run.id;
}

test("a run's own variables are bounded together", async () => {
  const withValues = (count: number) => {
    const variables = Array.from({ length: count }, (_, n) => ({
      key: `v${n}`,
      value: "x".repeat(1024),
      isHcl: false,
    }));
    return start({ options: { ...options, variables } });
  };
  await expect(withValues(513)).rejects.toMatchObject({
    ...{ code: "validation", message: expect.stringContaining("a run may have 524288") },
  });
  expect((await read(await withValues(512))).options.variables).toHaveLength(512);
});

test("all texts of a run's options are bounded together, and the refusal names where most of them are", async () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, n) => `t.n[${n}]`.padEnd(1023, "€"));
  const withAddresses = (count: number) =>
    start({ options: { ...options, targets: addresses(count), replacements: addresses(100) } });
  await expect(withAddresses(250)).rejects.toMatchObject({
    code: "validation",
    message: expect.stringMatching(
      /^options\.targets: the options of the run have \d+ bytes .*: a run may have 1048576$/,
    ),
    fields: [{ field: "options.targets" }],
  });
  const { options: kept } = await read(await withAddresses(200));
  expect([kept.targets.length, kept.replacements.length]).toEqual([200, 100]);
});

test.each<readonly [string, string, boolean, string]>([
  ["sizes", "[1, 2", true, "the value of sizes is no HCL expression"],
  ["sizes", "x)", true, "the value of sizes is no HCL expression"],
  ["a b", "1", false, '"a b" cannot be the name of a terraform variable'],
  ["sizes", "a\0b", false, "holds the character U+0000"],
])("a run's own variable that cannot reach terraform is refused: %s = %j", async (key, value, isHcl, message) => {
  await expect(start({ options: { ...options, variables: [{ key, value, isHcl }] } })).rejects.toMatchObject({
    ...{ code: "validation", message: expect.stringContaining(message) },
  });
});

const cancel = (id: RunId, comment = "") => cancelRun(fixture.control, operator, { id, isForced: false, comment });
const read = async (id: RunId) => (await getRun(fixture.control, operator, id)).run;

/** `[state] title (comment) by actor` of each event. */
async function timeline(id: RunId): Promise<readonly string[]> {
  const { rows } = await listRunEvents(fixture.control, fixture.as("reader"), { id, page: { size: 0, token: "" } });
  return rows.map(({ status, title, comment, actor }) =>
    [
      `[${status ?? ""}] ${title}`,
      comment === "" ? "" : `(${comment})`,
      actor === "" ? "" : `by ${actor.replace(/ \(.*/, "")}`,
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
}

const retry = (id: string, over: { requestId?: string; message?: string } = {}, who = operator) =>
  retryRun(fixture.control, who, { id, message: "", requestId: "", source: "cli", ...over });

describe("a retry", () => {
  test("has the configuration, options, variables and message of the run that it repeats", async () => {
    const id = await start({ urgency: 2 });
    await expect(retry(id)).rejects.toMatchObject({ code: "run_not_retryable", metadata: { state: "plan_queued" } });
    await cancel(id);
    const { run } = await retry(id);
    expect(run).toMatchObject({ configurationId, options, message: "resize", retryOf: id, source: "cli", urgency: 2 });
    expect(run.status).toBe("plan_queued");
    expect((await retry(id, { message: "again" })).run.message).toBe("again");
    expect(await timeline(run.id)).toEqual([
      `[pending] created to repeat ${id} (resize) by an operator`,
      "[plan_queued] got the workspace, queued for an agent",
    ]);
  });

  test("of the same request is made once", async () => {
    const id = await start();
    await cancel(id);
    const requestId = "5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11";
    const [first, second] = [await retry(id, { requestId }), await retry(id, { requestId })];
    expect(second.run.id).toBe(first.run.id);
  });

  test("needs what the run needed, and another tenant's run does not exist", async () => {
    const { as, sibling } = fixture;
    const [whole, plan] = [await start(), await start({ options: { ...options, isPlanOnly: true } })];
    for (const id of [whole, plan]) await cancel(id);
    await expect(retry(whole, {}, as("planner"))).rejects.toMatchObject({ code: "permission_denied" });
    expect((await retry(plan, {}, as("planner"))).run.options.isPlanOnly).toBe(true);
    await expect(retry(whole, {}, as("owner", sibling))).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("the timeline of a run", () => {
  test("tells moves, decisions, comments and who asked to cancel, in order and in pages", async () => {
    const { control, as } = fixture;
    const [id, next] = [await start(), await start()];
    const said = await commentRun(control, as("planner"), { id, comment: "see CHG-118" });
    expect(said).toMatchObject({ actor: expect.stringContaining("an planner"), comment: "see CHG-118", status: null });
    await cancel(id, "wrong branch");
    expect(await timeline(id)).toEqual([
      "[pending] created (resize) by an operator",
      "[plan_queued] got the workspace, queued for an agent",
      "[] commented (see CHG-118) by an planner",
      "[] asked to end it (wrong branch) by an operator",
      "[canceled] the plan was canceled",
    ]);
    expect((await read(id)).canceledBy).toContain("an operator");
    expect(await timeline(next)).toContain("[plan_queued] got the workspace, queued for an agent");
    const first = await listRunEvents(control, operator, { id, page: { size: 2, token: "" } });
    const rest = await listRunEvents(control, operator, { id, page: { size: 9, token: first.nextToken } });
    expect([first.rows.length, rest.rows.length, rest.nextToken]).toEqual([2, 3, ""]);
    await expect(listRunEvents(control, operator, { id, page: { size: 0, token: "x" } })).rejects.toMatchObject({
      code: "validation",
    });
  });

  test("a decision is told with its comment; a comment changes the etag, so that watchers see it", async () => {
    const { control } = fixture;
    const id = await start();
    await control.store.write(async (tx) => {
      const run = await tx.runs.get(id);
      if (run !== undefined) await tx.runs.save({ ...run, status: "planned", version: 7 });
    });
    await commentRun(control, operator, { id, comment: "looks odd" });
    expect((await read(id)).version).toBe(8);
    await discardRun(control, operator, { id, comment: "not today" });
    expect((await timeline(id)).slice(2)).toEqual([
      "[] commented (looks odd) by an operator",
      "[discarded] discarded (not today) by an operator",
    ]);
    expect((await read(id)).decisionComment).toBe("not today");
  });

  test("readers cannot write into it", async () => {
    const { control, as } = fixture;
    const id = await start();
    await expect(commentRun(control, as("reader"), { id, comment: "x" })).rejects.toMatchObject({
      code: "permission_denied",
    });
  });
});

describe("the urgency of a run", () => {
  test("decides which pending run gets the workspace next", async () => {
    const { control } = fixture;
    const [holder, normal, low, late] = [await start(), await start(), await start({ urgency: 2 }), await start()];
    await setRunUrgency(control, operator, { id: late, urgency: 0 });
    const order: string[] = [];
    for (const id of [holder, late, normal, low]) {
      expect((await read(id)).status).toBe("plan_queued");
      order.push(id);
      await cancel(id);
    }
    expect(await timeline(late)).toContain("[] gave it the priority high by an operator");
  });

  test("reaches the job that is queued", async () => {
    const { control } = fixture;
    const id = await start();
    const urgencies = async () => (await control.store.read((q) => q.jobs.ofRun(id))).map((job) => job.urgency);
    expect(await urgencies()).toEqual([1]);
    const { run } = await setRunUrgency(control, operator, { id, urgency: 0 });
    expect([run.urgency, ...(await urgencies())]).toEqual([0, 0]);
    const before = (await read(id)).version;
    await setRunUrgency(control, operator, { id, urgency: 0 });
    expect((await read(id)).version).toBe(before);
  });

  test("is high only for those who may operate; a run that has ended has none to change", async () => {
    const { control, as } = fixture;
    const plan = { options: { ...options, isPlanOnly: true } };
    await expect(start({ ...plan, urgency: 0 }, as("planner"))).rejects.toMatchObject({ code: "permission_denied" });
    const id = await start(plan, as("planner"));
    await expect(setRunUrgency(control, as("planner"), { id, urgency: 0 })).rejects.toMatchObject({
      code: "permission_denied",
    });
    expect((await setRunUrgency(control, as("planner"), { id, urgency: 2 })).run.urgency).toBe(2);
    await cancel(id);
    await expect(setRunUrgency(control, operator, { id, urgency: 1 })).rejects.toMatchObject({
      code: "run_not_queued",
      metadata: { run_id: id, state: "canceled" },
    });
  });
});

describe("a queue timeout", () => {
  const sweep = () => sweepQueues(fixture.control, fixture.clock.now());
  const hourMs = 3_600_000;

  test("cancels runs that wait for an agent, and says what they waited for; the next run gets the workspace", async () => {
    const id = await start();
    await fixture.clock.advance(23 * hourMs);
    const next = await start();
    await fixture.clock.advance(hourMs - 1_000);
    await sweep();
    expect((await read(id)).status).toBe("plan_queued");
    await fixture.clock.advance(1_001);
    await sweep();
    expect(await read(id)).toMatchObject({
      status: "canceled",
      canceledBy: "",
      errorMessage:
        "it waited longer than its queue timeout of 1d: the server agent is not connected: the log of windlassd says why",
    });
    expect((await timeline(id)).slice(2)).toEqual([
      "[] waited too long (it waited longer than its queue timeout of 1d: the server agent is not connected: the log of windlassd says why)",
      "[canceled] the plan was canceled",
    ]);
    expect((await read(next)).status).toBe("plan_queued");
  });

  test("cancels runs that wait for the workspace; a run's own limit is kept instead of the server's", async () => {
    const patient = { ...options, queueTimeoutMs: 100 * hourMs };
    const holder = await start({ options: patient });
    const [short, long] = [
      await start({ options: { ...options, queueTimeoutMs: 60_000 } }),
      await start({ options: patient }),
    ];
    await fixture.clock.advance(58_000);
    await sweep();
    expect((await read(short)).status).toBe("pending");
    await fixture.clock.advance(2_000);
    await sweep();
    expect(await read(short)).toMatchObject({
      status: "canceled",
      errorMessage: `it waited longer than its queue timeout of 1m: waits for run ${holder} to end`,
    });
    await fixture.clock.advance(48 * hourMs);
    await sweep();
    expect([(await read(holder)).status, (await read(long)).status]).toEqual(["plan_queued", "pending"]);
  });

  test("leaves alone what waits for a person, and what an agent prepares", async () => {
    const { control } = fixture;
    const [planned, prepared] = [await start(), await start({ options: { ...options, isPlanOnly: true } })];
    await control.store.write(async (tx) => {
      const run = await tx.runs.get(planned);
      if (run !== undefined) await tx.runs.save({ ...run, status: "planned" });
      for (const job of await tx.jobs.ofRun(prepared)) await tx.jobs.save({ ...job, status: "offered" });
    });
    await fixture.clock.advance(1_000 * hourMs);
    await sweep();
    expect([(await read(planned)).status, (await read(prepared)).status]).toEqual(["planned", "plan_queued"]);
  });
});

describe("a list of runs", () => {
  const found = async (filter: object, who = operator) => {
    const wanted = {
      filter: { organization: "", workspace: "", statuses: null, ...filter },
      page: { size: 0, token: "" },
    };
    return (await listRuns(fixture.control, who, wanted)).rows.map(({ run }) => run.id);
  };

  test("is narrowed by text, activity and pool; names that do not exist are refused", async () => {
    const [first, second] = [await start({ message: "Resize" }), await start({ message: "move" })];
    await cancel(first);
    expect(await found({})).toEqual([second, first]);
    expect(await found({ search: "resIZE" })).toEqual([first]);
    expect(await found({ isActive: true })).toEqual([second]);
    expect(await found({ workspace: "net", agentId: newId("agent", fixture.control.random) })).toEqual([]);
    await expect(found({ pool: "nowhere" })).rejects.toMatchObject({ code: "not_found" });
    await expect(found({ agentId: "vm-7" })).rejects.toMatchObject({ code: "validation" });
  });
});

describe("the plan of a run", () => {
  const summary = {
    terraformVersion: "1.9.0",
    resources: [
      {
        ...{ address: "t.a", mode: "managed", type: "t", name: "a", provider: "p", action: "delete-then-create" },
        ...{ reason: "replace_because_cannot_update", replacePaths: [["n"]] },
        before: { n: 1, password: { masked: true, changed: true } },
        after: { n: 2, password: { masked: true, changed: true } },
        afterUnknown: { id: true },
      },
      { address: "t.b", action: "of a newer terraform", before: null, after: null, afterUnknown: false },
    ],
    outputs: [
      { name: "o", action: "create", before: null, after: { masked: true, changed: true }, afterUnknown: false },
    ],
  };

  test("is read from what the agent has masked; before the plan has ended there is none", async () => {
    const { control, as, sibling } = fixture;
    const id = await start();
    const summaryBlobKey = await storeSealed(control, Buffer.from(JSON.stringify(summary)), `plan-summary/${id}`);
    const save = (change: object) =>
      control.store.write(async (tx) => {
        const run = await tx.runs.get(id);
        if (run !== undefined) await tx.runs.save({ ...run, ...change });
      });
    await save({ summaryBlobKey });
    const page = { size: 0, token: "" };
    await expect(getRunPlan(control, as("reader"), { id, page })).rejects.toMatchObject({ code: "not_found" });
    await save({ plannedChanges: { add: 1, change: 0, destroy: 1, import: 0 } });
    const { changes, ...plan } = await getRunPlan(control, as("reader"), { id, page });
    expect(plan).toMatchObject({ engineVersion: "1.9.0", isComplete: true, counts: { add: 1, destroy: 1 } });
    const resources = changes.rows.flatMap((row) => (row.kind === "change" ? [row.resource] : []));
    expect(resources.map(({ address, action }) => [address, action])).toEqual([
      ["t.a", "delete-then-create"],
      ["t.b", "other"],
    ]);
    expect(resources[0]?.attributes).toMatchObject([
      { path: "id", isUnknown: true },
      { path: "n", beforeJson: "1", afterJson: "2", forcesReplacement: true },
      { path: "password", beforeJson: "", afterJson: "", isSensitive: true },
    ]);
    expect(changes.rows.slice(2)).toMatchObject([
      { kind: "output", output: { name: "o", change: { afterJson: "", isSensitive: true } } },
    ]);
    const one = await getRunPlan(control, as("reader"), { id, page: { size: 1, token: "" } });
    expect(one.changes.rows).toMatchObject([{ resource: { address: "t.a" } }]);
    const rest = await getRunPlan(control, as("reader"), { id, page: { size: 5, token: one.changes.nextToken } });
    expect([rest.changes.rows, rest.changes.nextToken]).toMatchObject([[{ place: 1 }, { place: 2 }], ""]);
    await expect(getRunPlan(control, as("owner", sibling), { id, page })).rejects.toMatchObject({ code: "not_found" });
  });
});
