/** Two control planes decide at once on one PostgreSQL database: what one of them must not overlook is decided once. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { revokeAgentToken } from "../src/control/agents/tokens.ts";
import { dispatchOnce } from "../src/control/jobs/dispatcher.ts";
import { declineOffer, grantStart } from "../src/control/jobs/results.ts";
import { cancelRun, confirmRun, discardRun } from "../src/control/runs/decisions.ts";
import { createRun, type NewRun } from "../src/control/runs/runs.ts";
import { sweepOnce } from "../src/control/runs/sweeper.ts";
import { lockWorkspace, unlockWorkspace } from "../src/control/runs/workspace-locks.ts";
import { registerAgent } from "../src/control/sessions/registration.ts";
import { pushState } from "../src/control/states/push.ts";
import { collectGarbage } from "../src/control/upkeep/gc.ts";
import { revokeWorkspaces } from "../src/control/workspaces/grants.ts";
import type { Person, Principal } from "../src/domain/people/principal.ts";
import type { Job } from "../src/domain/runs/job.ts";
import type { Run, RunStatus } from "../src/domain/runs/run.ts";
import { isFinal } from "../src/domain/runs/run.ts";
import type { Workspace } from "../src/domain/workspaces/workspace.ts";
import { systemRandom } from "../src/lib/random.ts";
import { isWindlassError } from "../src/lib/words/errors.ts";
import { newId, type WorkspaceId } from "../src/lib/words/ids.ts";
import type { DatabasePlace } from "../src/store/postgres/settings.ts";
import { hasPgbouncer, pooledPlace } from "./pgbouncer.ts";
import { createTestDatabase, hasPostgres } from "./postgres.ts";
import { fakeConnectedAgent, keepAll, openTestControl, sha256, type TestControl } from "./support/control.ts";
import { introduction } from "./support/fake-agent.ts";
import { agentRow, jobRow, plainOptions, runRow, startedBy } from "./support/rows.ts";
import { configuration, pool, token, workspace as workspaceRow } from "./support/store/rows.ts";

const planSha256 = "a".repeat(64);
const maxQueuedRuns = 40;

let held: AsyncDisposableStack;
let planes: readonly [TestControl, TestControl];
let operator: Person;

/** How control planes come to the database. */
const ways = [
  { name: "themselves", isHere: hasPostgres, place: async () => held.use(await createTestDatabase()) },
  { name: "through PgBouncer", isHere: hasPgbouncer, place: () => pooledPlace(held) },
] as const;

const controlOf = (index: number) => planes[index % 2 === 0 ? 0 : 1].control;
const read = <T>(ask: Parameters<TestControl["control"]["store"]["read"]>[0]) =>
  controlOf(0).store.read(ask) as Promise<T>;

/** The same asked of both control planes by turns, all at once. */
const atOnce = <T>(count: number, ask: (control: TestControl["control"], index: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: count }, (_, index) => ask(controlOf(index), index)));

const done = <T>(all: readonly PromiseSettledResult<T>[]): readonly T[] =>
  all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));

/** The codes of what was refused, sorted; what is no refusal fails the test. */
const refusals = (all: readonly PromiseSettledResult<unknown>[]): readonly string[] =>
  all
    .flatMap((one) => (one.status === "rejected" ? [one.reason] : []))
    .map((error) => {
      if (isWindlassError(error)) return error.code;
      throw error;
    })
    .toSorted();

async function givenWorkspace(name: string, change: Partial<Workspace> = {}): Promise<Workspace> {
  const own = { organizationId: planes[0].organization.id };
  const row = { ...workspaceRow({ ...own, name }), id: newId("ws", systemRandom), poolId: null, ...change };
  await controlOf(0).store.write(async (tx) => {
    await tx.workspaces.insert(row);
    await tx.configurations.insert(configuration({ ...own, id: newId("cv", systemRandom), workspaceId: row.id }));
  });
  return row;
}

async function givenRun(workspace: Workspace, change: Partial<Run>): Promise<Run> {
  const run = runRow(workspace, { planSha256, statusAt: planes[0].clock.now(), ...change });
  await controlOf(0).store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: planes[0].clock.now() } });
  });
  return run;
}

const wish = (id: WorkspaceId, requestId = ""): NewRun => ({
  workspace: { organization: "", name: id },
  configurationId: "",
  options: { ...plainOptions, isAutoApply: undefined },
  message: "",
  requestId,
});

/** I2: a workspace has at most one run that goes on, and that one holds it. */
async function expectOneHolder(id: WorkspaceId): Promise<void> {
  const [workspace, active] = await read<[Workspace | undefined, readonly Run[]]>(async (q) => [
    await q.workspaces.get(id),
    await q.runs.active(id, 1_000),
  ]);
  const going = active.filter(({ status }) => status !== "pending").map((run) => run.id);
  const lock = workspace?.lock;
  expect(going.length).toBeLessThanOrEqual(1);
  if (lock?.kind === "run") expect(going).toEqual([lock.runId]);
  else expect(going).toEqual([]);
  if (lock === null) expect(active).toEqual([]);
}

describe.each(ways.filter(({ isHere }) => isHere))("two control planes on one database, $name,", ({ place }) => {
  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { url, settings }: DatabasePlace = await place();
    const open = async () =>
      held.use(await openTestControl({ rows: { url, settings }, limits: { maxQueuedRuns }, hasLogs: true }));
    planes = [await open(), await open()];
    operator = planes[0].as("owner");
  });
  afterEach(() => held.disposeAsync());

  test("create runs with 64 callers of one, and with 32 callers each, without a refusal", async () => {
    const spaces: Workspace[] = [];
    for (let index = 0; index < 8; index += 1) spaces.push(await givenWorkspace(`w${index}`));
    const idOf = (index: number) => spaces[index % spaces.length]?.id ?? "ws_";
    const one = await Promise.allSettled(
      Array.from({ length: 64 }, (_, index) => createRun(controlOf(0), operator, wish(idOf(index)))),
    );
    expect(refusals(one)).toEqual([]);
    const both = await atOnce(64, (control, index) => createRun(control, operator, wish(idOf(index))));
    expect(refusals(both)).toEqual([]);
    for (const { id } of spaces) {
      await expectOneHolder(id);
      expect(await read(async (q) => q.runs.countActive(id))).toBe(16);
    }
  });

  test("let as many runs of a workspace wait as it may have, whoever asks", async () => {
    const { id } = await givenWorkspace("net");
    const all = await atOnce(maxQueuedRuns + 12, (control) => createRun(control, operator, wish(id)));
    expect(done(all)).toHaveLength(maxQueuedRuns);
    expect(refusals(all)).toEqual(Array(12).fill("quota_exceeded"));
    await expectOneHolder(id);
  });

  test("make one run of one request", async () => {
    const { id } = await givenWorkspace("net");
    const all = await atOnce(12, (control) => createRun(control, operator, wish(id, "request-1")));
    expect(refusals(all)).toEqual([]);
    expect(new Set(done(all).map(({ run }) => run.id)).size).toBe(1);
    expect(await read(async (q) => q.runs.countActive(id))).toBe(1);
  });

  test("confirm or discard a plan once, and queue one apply (I1)", async () => {
    const run = await givenRun(await givenWorkspace("net"), { status: "planned" });
    const all = await atOnce(10, (control, index) =>
      index < 6
        ? confirmRun(control, operator, { id: run.id, planSha256, comment: "" })
        : discardRun(control, operator, { id: run.id, comment: "" }),
    );
    expect(done(all)).toHaveLength(1);
    const jobs = await read<readonly { readonly phase: string }[]>((q) => q.jobs.ofRun(run.id));
    const after = await read<Run | undefined>((q) => q.runs.get(run.id));
    expect(jobs.map(({ phase }) => phase)).toEqual(after?.status === "discarded" ? [] : ["apply"]);
    await expectOneHolder(run.workspaceId);
  });

  test("lock a workspace for one person, and unlock it once", async () => {
    const { id } = await givenWorkspace("net");
    const reference = { organization: "", name: id };
    const locked = await atOnce(8, (control) => lockWorkspace(control, operator, { reference, reason: "" }));
    expect([done(locked).length, refusals(locked)]).toEqual([1, Array(7).fill("workspace_locked")]);
    const freed = await atOnce(8, (control) => unlockWorkspace(control, operator, { reference, isForced: false }));
    expect([done(freed).length, refusals(freed)]).toEqual([1, Array(7).fill("not_locked")]);
  });

  test("let serials of a workspace's states only rise (I11)", async () => {
    const { id } = await givenWorkspace("net");
    const lineage = "11111111-2222-3333-4444-555555555555";
    const push = (control: TestControl["control"], serial: number, marker: number) => {
      const text = { version: 4, terraform_version: "1.9.0", serial, lineage, outputs: {}, resources: [], marker };
      const bytes = Buffer.from(JSON.stringify(text));
      const pushed = { workspace: { organization: "", name: id }, bytes, sha256: sha256(bytes), isForced: false };
      return pushState(control, operator, pushed);
    };
    for (const serial of [1, 2, 3]) {
      const all = await atOnce(6, (control, index) => push(control, serial, index));
      expect([done(all).length, refusals(all)]).toEqual([1, Array(5).fill("state_serial_conflict")]);
    }
  });

  test("claim a job for one agent, start it once, and not without its grant (I1)", async () => {
    const own = { organizationId: planes[0].organization.id };
    const pools = pool({ ...own, id: newId("apool", systemRandom) });
    await controlOf(0).store.write((tx) => tx.pools.insert(pools));
    const workspace = await givenWorkspace("net", { poolId: pools.id, executionMode: "agent" });
    await controlOf(0).store.write((tx) => tx.pools.grant(pools.id, [workspace.name]));
    const run = await givenRun(workspace, { status: "plan_queued" });
    const queued = jobRow(run, { status: "queued", poolId: pools.id });
    await controlOf(0).store.write((tx) => tx.jobs.insert(queued));
    const agents = Array.from({ length: 6 }, () => agentRow(pools));
    const claims = await atOnce(6, (control, index) => {
      const agentId = agents[index]?.id ?? null;
      const row = { ...queued, status: "offered", epoch: queued.epoch + 1, agentId } as const;
      return control.store.step((tx) => tx.jobs.saveIf(row, { epoch: queued.epoch, status: "queued" }));
    });
    expect(done(claims).filter((isClaimed) => isClaimed)).toHaveLength(1);
    const job = await read<typeof queued>(async (q) => (await q.jobs.get(queued.id)) ?? queued);
    const claim = { jobId: job.id, epoch: job.epoch, agentId: job.agentId ?? agents[0]?.id ?? "agent_" };
    const starts = atOnce(4, (control, index) =>
      grantStart(control, claim, { incarnation: `i${index}`, mayStart: true }),
    );
    const revoked = revokeWorkspaces(controlOf(1), operator, {
      pool: { organization: "", name: pools.id },
      workspaces: [workspace.name],
    });
    const answers = done(await starts);
    await revoked;
    expect(answers.filter((why) => why === undefined).length).toBeLessThanOrEqual(1);
    const after = await read<typeof queued>(async (q) => (await q.jobs.get(queued.id)) ?? queued);
    expect(after.status === "started").toBe(answers.includes(undefined));
    await declineOffer(controlOf(0), claim);
    if (after.status !== "started") expect(answers).toContain("the pool no longer grants the workspace");
  });

  test("let in as many agents as an organization may have, and none on a token that was revoked (I12)", async () => {
    const { organization } = planes[0];
    const own = { organizationId: organization.id };
    const [pools, credential] = [
      pool({ ...own, id: newId("apool", systemRandom) }),
      token({ ...own, id: newId("atok", systemRandom), hash: "other" }),
    ];
    await controlOf(0).store.write(async (tx) => {
      await tx.organizations.save({ ...organization, maxAgents: 3 });
      await tx.pools.insert(pools);
      await tx.tokens.insert({ ...credential, poolId: pools.id });
    });
    const who: Principal = { kind: "agent_token", id: credential.id, poolId: pools.id, ...own };
    const join = (control: TestControl["control"]) =>
      registerAgent(control, who, introduction({ incarnation: systemRandom.uuid() }));
    const first = await atOnce(8, join);
    expect([done(first).length, refusals(first)]).toEqual([3, Array(5).fill("agent_limit_reached")]);
    await controlOf(0).store.write((tx) => tx.organizations.save({ ...organization, maxAgents: 0 }));
    let isRevoked = false;
    const late = atOnce(12, async (control) => {
      const beganLate = isRevoked;
      await join(control);
      return beganLate;
    });
    await revokeAgentToken(controlOf(1), operator, { id: credential.id, stopsJobs: false });
    isRevoked = true;
    expect(done(await late)).not.toContain(true);
    expect(refusals(await atOnce(2, join))).toEqual(["token_revoked", "token_revoked"]);
  });

  test("sweep and collect at once: each lease ends once, and what goes is gone for both", async () => {
    const leaseUntil = new Date(planes[0].clock.now().getTime() - 1);
    const jobs: Job[] = [];
    for (let index = 0; index < 6; index += 1) {
      const run = await givenRun(await givenWorkspace(`swept${index}`), { status: "planning" });
      const agent = agentRow(null);
      jobs.push(jobRow(run, { ...startedBy(agent), poolId: null, leaseUntil }));
    }
    await controlOf(0).store.write(async (tx) => {
      for (const job of jobs) await tx.jobs.insert(job);
    });
    expect(refusals(await atOnce(6, (control) => sweepOnce(control)))).toEqual([]);
    for (const { id } of jobs) {
      const job = await read<Job | undefined>((q) => q.jobs.get(id));
      expect(job).toMatchObject({ status: "queued", agentId: null, attempt: 1 });
    }
    const old = new Date(planes[0].clock.now().getTime() - 30 * 86_400_000);
    for (let index = 0; index < 8; index += 1) {
      const workspace = await givenWorkspace(`old${index}`);
      const run = runRow(workspace, { status: "planned_and_finished", statusAt: old, createdAt: old });
      await controlOf(0).store.write((tx) => tx.runs.insert(run));
    }
    const retention = { ...keepAll, runsMs: 86_400_000 };
    const collected = await atOnce(4, (control) => collectGarbage(control, { retention, isDryRun: false }));
    expect(refusals(collected)).toEqual([]);
    const left = await collectGarbage(controlOf(1), { retention, isDryRun: true });
    expect(left.filter(({ kind, count }) => kind === "runs" && count > 0)).toEqual([]);
  });

  test("give each job to one agent, and organizations their turns, whichever of them has the agents", async () => {
    for (const index of [0, 1]) controlOf(index).wake.relay((topic) => controlOf(index + 1).wake.hear(topic));
    const rows: Job[] = [];
    for (const [organization, count] of [
      [planes[0].organization, 12],
      [planes[0].sibling, 4],
    ] as const) {
      const own = { organizationId: organization.id };
      const workspace = { ...workspaceRow({ ...own, name: "turns" }), id: newId("ws", systemRandom), poolId: null };
      await controlOf(0).store.write((tx) => tx.workspaces.insert(workspace));
      for (let number = 0; number < count; number += 1) {
        const run = runRow(workspace, { status: "plan_queued", message: `turn ${number}` });
        await controlOf(0).store.write((tx) => tx.runs.insert(run));
        rows.push(jobRow(run, { status: "queued", poolId: null }));
      }
    }
    await controlOf(0).store.write(async (tx) => {
      for (const job of rows) await tx.jobs.insert(job);
    });
    const got: Job[] = [];
    for (const index of [0, 1]) {
      const { connected } = fakeConnectedAgent({ agentId: newId("agent", systemRandom), name: "vm", poolId: null });
      const offer = async (job: Job) => {
        got.push(job);
        await controlOf(index).store.write((tx) => tx.jobs.save({ ...job, status: "finished" }), job.id);
      };
      controlOf(index).presence.enter({ ...connected, offer });
    }
    for (let look = 0; got.length < 8 && look < 40; look += 1) await atOnce(2, (control) => dispatchOnce(control));
    expect(new Set(got.map(({ id }) => id)).size).toBe(got.length);
    const ofFew = got.slice(0, 8).filter(({ organizationId }) => organizationId === planes[0].sibling.id);
    expect(ofFew.length).toBeGreaterThanOrEqual(3);
  });

  test("keep every rule of a workspace, whatever is asked of both at once", async () => {
    const spaces = [await givenWorkspace("a"), await givenWorkspace("b")];
    const acts = fc.record({
      kind: fc.constantFrom("create", "create", "cancel", "discard", "lock", "unlock"),
      space: fc.nat(1),
      run: fc.nat(5),
    });
    const expected: readonly string[] = [
      ...["run_not_cancelable", "run_not_discardable", "workspace_locked", "not_locked", "quota_exceeded"],
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(acts, { minLength: 8, maxLength: 24 }), async (plan) => {
        const active = await read<readonly Run[]>(async (q) =>
          (await Promise.all(spaces.map(({ id }) => q.runs.active(id, 6)))).flat(),
        );
        const all = await atOnce(plan.length, async (control, index): Promise<unknown> => {
          const act = plan[index];
          const id = spaces[act?.space ?? 0]?.id ?? "ws_";
          const reference = { organization: "", name: id };
          const run = active[act?.run ?? 0];
          if (act?.kind === "lock") return lockWorkspace(control, operator, { reference, reason: "" });
          if (act?.kind === "unlock") return unlockWorkspace(control, operator, { reference, isForced: false });
          if (act?.kind === "create" || run === undefined) return createRun(control, operator, wish(id));
          if (act?.kind === "discard") return discardRun(control, operator, { id: run.id, comment: "" });
          return cancelRun(control, operator, { id: run.id, isForced: false, comment: "" });
        });
        expect(refusals(all).filter((code) => !expected.includes(code))).toEqual([]);
        for (const { id } of spaces) await expectOneHolder(id);
      }),
      { numRuns: 12 },
    );
    const statuses = await read<readonly RunStatus[]>(async (q) =>
      (await Promise.all(spaces.map(({ id }) => q.runs.active(id, 1_000)))).flat().map(({ status }) => status),
    );
    expect(statuses.filter(isFinal)).toEqual([]);
  });
});
