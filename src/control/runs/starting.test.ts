import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { plainOptions, runRow } from "../../../test/support/rows.ts";
import { apiKey } from "../../../test/support/store/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Role } from "../../domain/people/api-key.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { type ConfigurationId, newId } from "../../lib/words/ids.ts";
import { actorOf } from "../core/audit.ts";
import { topics } from "../core/control.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { retryRun } from "./retry.ts";
import { checkRun, createRun, getRun, type NewRun, watchRun } from "./runs.ts";

let fixture: TestControl;
let workspace: Workspace;

beforeEach(async () => {
  fixture = await openTestControl({ limits: { maxQueuedRuns: 3 } });
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Somebody whose key is in the database, as those are who upload configurations. */
async function keyed(role: Exclude<Role, "site_admin">): Promise<Person> {
  const person = fixture.as(role);
  const { id, organizationId } = person;
  await fixture.control.store.write((tx) => tx.apiKeys.insert(apiKey({ id, organizationId, role, hash: id })));
  return person;
}

async function uploaded(createdBy: string, of = workspace): Promise<ConfigurationId> {
  const id = newId("cv", fixture.control.random);
  const { id: workspaceId, organizationId } = of;
  await fixture.clock.advance(1_000);
  const facts = {
    blobKey: "00",
    bytes: 1,
    sha256: "00",
    ...plainConfiguration,
    fileCount: 1,
    createdBy,
    createdAt: fixture.clock.now(),
  };
  await fixture.control.store.write((tx) => tx.configurations.insert({ id, organizationId, workspaceId, ...facts }));
  return id;
}

const wish = (change: Partial<NewRun> = {}): NewRun => ({
  ...{ workspace: ref("net"), configurationId: "", options: plainOptions, message: "", requestId: "" },
  ...change,
});
const start = async (who: Principal, change: Partial<NewRun> = {}): Promise<Run> =>
  (await createRun(fixture.control, who, wish(change))).run;
const planOnly = { options: { ...plainOptions, isPlanOnly: true } };

describe("who may start a run", () => {
  test.each<readonly [Exclude<Role, "site_admin">, boolean, boolean]>([
    ["reader", false, false],
    ["planner", true, false],
    ["operator", true, true],
    ["owner", true, true],
  ])("a %s: one that only plans %s, one that may apply %s", async (role, mayPlan, mayApply) => {
    const configurationId = await uploaded("ana");
    const refusal = { code: "permission_denied" };
    for (const [may, change] of [[mayPlan, planOnly] as const, [mayApply, {}] as const]) {
      const asked = start(fixture.as(role), { configurationId, ...change });
      const checked = checkRun(fixture.control, fixture.as(role), wish(change));
      if (may) await Promise.all([asked, checked]);
      else {
        await expect(asked).rejects.toMatchObject(refusal);
        await expect(checked).rejects.toMatchObject(refusal);
      }
    }
  });

  test("a planner gives no run a high priority, and an operator does", async () => {
    const configurationId = await uploaded("ana");
    const urgent = { ...planOnly, configurationId, urgency: 0 } as const;
    await expect(start(fixture.as("planner"), urgent)).rejects.toMatchObject({ code: "permission_denied" });
    expect((await start(fixture.as("operator"), urgent)).urgency).toBe(0);
    expect((await start(fixture.as("planner"), { ...urgent, urgency: 2 })).urgency).toBe(2);
  });

  test.each<readonly [string, Principal]>([
    ["an agent's session", { kind: "agent_session", agentId: "agent_1" }],
    ["a job token", { kind: "job", jobId: "job_1", epoch: 1 }],
    ["the server agent's token", { kind: "server_agent" }],
  ])("%s starts none, and is told what is needed", async (what, who) => {
    await expect(start(who)).rejects.toMatchObject({
      ...{ code: "permission_denied", message: `this call needs an API key (wdl_usr_…), not ${what}` },
    });
  });

  test("somebody of another organization does not see the workspace, by name or by id", async () => {
    const stranger = fixture.as("owner", fixture.sibling);
    for (const one of [ref("net"), ref("net", ""), ref(workspace.id, "")]) {
      await expect(start(stranger, { workspace: one })).rejects.toMatchObject({ code: "not_found" });
      await expect(checkRun(fixture.control, stranger, wish({ workspace: one }))).rejects.toMatchObject({
        code: "not_found",
      });
    }
  });
});

describe("which configuration a run gets", () => {
  test("none is there: it is refused, and the field is named", async () => {
    await expect(start(fixture.as("operator"))).rejects.toMatchObject({
      ...{ code: "validation", message: "workspace net has no configuration yet: upload one" },
      fields: [{ field: "configuration_version_id" }],
    });
    await expect(start(fixture.as("planner"), planOnly)).rejects.toMatchObject({ code: "validation" });
  });

  test("the newest one of somebody who may apply, where the run may apply", async () => {
    const operators = await uploaded(actorOf(await keyed("operator")));
    const planners = await uploaded(actorOf(await keyed("planner")));
    expect((await start(fixture.as("operator"))).configurationId).toBe(operators);
    expect((await start(fixture.as("operator"), planOnly)).configurationId).toBe(planners);
    // Who asks for it by its id has decided so.
    expect((await start(fixture.as("operator"), { configurationId: planners })).configurationId).toBe(planners);
  });

  test("none, where only planners have uploaded and the run may apply", async () => {
    await uploaded(actorOf(await keyed("planner")));
    await expect(start(fixture.as("operator"))).rejects.toMatchObject({ code: "validation" });
  });

  test.each([
    ["a key that is gone", "ana (key_01h455vb4pex5vsknk084sn02q)"],
    ["nobody whose key is known", "ana"],
  ])("one of %s counts", async (_whose, createdBy) => {
    const id = await uploaded(createdBy);
    expect((await start(fixture.as("operator"))).configurationId).toBe(id);
  });

  test.each([
    ["one of another workspace", () => uploadedElsewhere()],
    ["one that is not there", async () => newId("cv", fixture.control.random)],
    ["what is no id", async () => "newest"],
  ])("%s is not found", async (_which, id) => {
    await uploaded("ana");
    await expect(start(fixture.as("operator"), { configurationId: await id() })).rejects.toMatchObject({
      ...{ code: "not_found", metadata: { resource: "configuration version", workspace: "net" } },
    });
  });

  async function uploadedElsewhere(): Promise<ConfigurationId> {
    const other = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("dns"));
    return uploaded("ana", other.workspace);
  }
});

describe("what no run can be started for", () => {
  test("a workspace that only stores state", async () => {
    await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("mine", { executionMode: "local" }));
    const refusal = {
      ...{ code: "execution_mode_local", metadata: { workspace: "mine" } },
      message: expect.stringContaining("workspace mine is in local mode: it only stores state, and terraform runs"),
    };
    await expect(start(fixture.as("operator"), { workspace: ref("mine") })).rejects.toMatchObject(refusal);
    await expect(
      checkRun(fixture.control, fixture.as("operator"), wish({ workspace: ref("mine") })),
    ).rejects.toMatchObject(refusal);
  });

  test.each([
    [{ excludes: ["t.a"] }, "options.excludes", "workspace net runs terraform: only OpenTofu has -exclude"],
    [{ suppressesForgetErrors: true }, "options.suppress_forget_errors", "workspace net runs terraform: only OpenTofu"],
    [{ engineVersion: "newest" }, "options.engine_version", "newest"],
  ])("%j, which its program does not take", async (options, field, message) => {
    await uploaded("ana");
    const asked = { options: { ...plainOptions, ...options } };
    const refusal = { code: "validation", fields: [{ field }], message: expect.stringContaining(message) };
    await expect(start(fixture.as("operator"), asked)).rejects.toMatchObject(refusal);
    await expect(checkRun(fixture.control, fixture.as("operator"), wish(asked))).rejects.toMatchObject(refusal);
  });

  test("targets and excludes together, which OpenTofu refuses", async () => {
    await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("tofu", { engine: "tofu" }));
    const options = { ...plainOptions, targets: ["t.a"], excludes: ["t.b"] };
    const asked = checkRun(fixture.control, fixture.as("operator"), wish({ workspace: ref("tofu"), options }));
    await expect(asked).rejects.toMatchObject({
      message: "options.excludes: a plan takes targets or excludes: leave one of them out",
    });
  });

  test("more runs than a workspace may have that have not ended", async () => {
    await uploaded("ana");
    const operator = fixture.as("operator");
    const first = await start(operator);
    for (let more = 1; more < 3; more++) await start(operator);
    const refusal = {
      ...{ code: "quota_exceeded", metadata: { limit: "3" } },
      message: "workspace net has 3 runs not ended, as many as it may: wait for their end, or cancel some",
    };
    await expect(start(operator)).rejects.toMatchObject(refusal);
    await expect(checkRun(fixture.control, operator, wish())).rejects.toMatchObject(refusal);
    await fixture.control.store.write((tx) =>
      tx.runs.save({ ...first, status: "discarded", endedAt: fixture.clock.now() }),
    );
    const retry = { id: first.id, message: "", requestId: "", source: "api" } as const;
    await retryRun(fixture.control, operator, retry);
    await expect(retryRun(fixture.control, operator, retry)).rejects.toMatchObject(refusal);
  });
});

describe("what is made of a creation", () => {
  test("an automatic apply is what the run says, and what the workspace says where it says nothing", async () => {
    const settings = { isAutoApply: true };
    await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("auto", settings));
    const auto = await fixture.control.store.read((q) => q.workspaces.byName(fixture.organization.id, "auto"));
    if (auto === undefined) throw new Error("the workspace is there");
    await uploaded("ana", auto);
    const isAuto = async (isAutoApply: boolean | undefined) =>
      (await start(fixture.as("operator"), { workspace: ref("auto"), options: { ...plainOptions, isAutoApply } }))
        .options.isAutoApply;
    expect([await isAuto(undefined), await isAuto(false)]).toEqual([true, false]);
  });

  test("is recorded with who did it, and from where", async () => {
    await uploaded("ana");
    const operator: Person = { ...fixture.as("operator"), address: "10.1.1.1" };
    const { id } = await start(operator);
    const filter = { organizationId: fixture.organization.id, action: "run.", actor: "", resource: id };
    const records = await fixture.control.store.read((q) =>
      q.audit.list({ ...filter, since: null, until: null }, { before: null, limit: 10 }),
    );
    expect(records).toMatchObject([
      {
        ...{ action: "run.create", actor: actorOf(operator), resource: id, address: "10.1.1.1" },
        detail: { workspace: "net" },
      },
    ]);
  });

  test("the same request makes one run, and another one by the same id is refused", async () => {
    await uploaded("ana");
    const operator = fixture.as("operator");
    const first = await start(operator, { requestId: "r1" });
    expect((await start(operator, { requestId: "r1" })).id).toBe(first.id);
    await expect(start(operator, { requestId: "r1", message: "other" })).rejects.toMatchObject({
      ...{ code: "request_id_reused", metadata: { request_id: "r1", method: "CreateRun" } },
    });
    // Ids are of whoever chose them.
    expect((await start(fixture.as("operator"), { requestId: "r1" })).id).not.toBe(first.id);
    const retry = { id: first.id, message: "", requestId: "r1", source: "api" } as const;
    await fixture.control.store.write((tx) =>
      tx.runs.save({ ...first, status: "discarded", endedAt: fixture.clock.now() }),
    );
    await expect(retryRun(fixture.control, operator, retry)).rejects.toMatchObject({ code: "request_id_reused" });
  });
});

describe("watching a run", () => {
  const ofRun = (change: Partial<Run> = {}) => runRow(workspace, { status: "planned", planSha256: "aa", ...change });
  const save = async (run: Run) => {
    await fixture.control.store.write((tx) => tx.runs.save(run));
    fixture.control.wake.notify(topics.run(run.id));
  };
  const insert = async (run: Run) => {
    await fixture.control.store.write((tx) => tx.runs.insert(run));
    return run;
  };
  const watch = (who: Person, id: string, signal = new AbortController().signal) =>
    watchRun(fixture.control, who, { id, signal });

  test("shows it now, at each change, and ends with it", async () => {
    const run = await insert(ofRun());
    const seen = watch(fixture.as("reader"), run.id);
    expect((await seen.next()).value).toMatchObject({ run: { status: "planned" } });
    const next = seen.next();
    await save({ ...run, status: "applying", version: 2 });
    expect((await next).value).toMatchObject({ run: { status: "applying" } });
    const last = seen.next();
    await save({ ...run, status: "applied", version: 3, endedAt: fixture.clock.now() });
    expect((await last).value).toMatchObject({ run: { status: "applied" } });
    expect((await seen.next()).done).toBe(true);
  });

  test("says nothing where nothing of it is new", async () => {
    const run = await insert(ofRun());
    const seen = watch(fixture.as("reader"), run.id);
    await seen.next();
    let isHeard = false;
    const next = seen.next().then((one) => {
      isHeard = true;
      return one;
    });
    for (let time = 0; time < 3; time++) {
      fixture.control.wake.notify(topics.run(run.id));
      await fixture.clock.advance(2_000);
    }
    expect(isHeard).toBe(false);
    await save({ ...run, version: 2, status: "discarded", endedAt: fixture.clock.now() });
    expect((await next).value).toMatchObject({ run: { status: "discarded" } });
  });

  test("ends when nobody listens any more", async () => {
    const run = await insert(ofRun());
    const stop = new AbortController();
    const seen = watch(fixture.as("reader"), run.id, stop.signal);
    await seen.next();
    const next = seen.next();
    stop.abort(new Error("gone"));
    await expect(next).rejects.toThrow("gone");
  });

  test("is for those alone who see it", async () => {
    const run = await insert(ofRun());
    const stranger = fixture.as("owner", fixture.sibling);
    await expect(watch(stranger, run.id).next()).rejects.toMatchObject({ code: "not_found" });
    await expect(getRun(fixture.control, stranger, run.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(getRun(fixture.control, fixture.as("reader"), "net")).rejects.toMatchObject({ code: "not_found" });
  });
});
