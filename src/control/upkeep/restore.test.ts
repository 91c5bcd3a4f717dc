import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job, JobPhase, JobStatus } from "../../domain/runs/job.ts";
import { epochJump } from "../../domain/runs/restoration.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { HelloSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, HeldJobSchema, JobStage } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentId } from "../../lib/words/ids.ts";
import { hashToken } from "../../lib/words/tokens.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { dispatchOnce, jobTokenOf } from "../jobs/dispatcher.ts";
import { storeState } from "../jobs/states.ts";
import { authenticate } from "../people/authentication.ts";
import { generationKey } from "../people/system.ts";
import { resolveRun } from "../runs/resolution.ts";
import { resume } from "../sessions/resume.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { fenceDatabase } from "./restore.ts";

let fixture: TestControl;
let pool: AgentPool;
let token: Principal;
let workspace: Workspace;
const agents: FakeAgent[] = [];
const backupAt = new Date("2025-12-31T00:00:00Z");

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { control, as } = fixture;
  pool = (await createPool(control, as("owner"), newPool("prod"))).pool;
  const created = await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 0 });
  token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
  const settings = { executionMode: "agent", pool: "prod" } as const;
  ({ workspace } = await createWorkspace(control, as("owner"), newWorkspace("net", settings)));
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

async function connect(options: Parameters<typeof FakeAgent.connect>[2] = {}): Promise<FakeAgent> {
  const agent = await FakeAgent.connect(fixture.control, token, options);
  agents.push(agent);
  return agent;
}

interface Given {
  readonly run: RunStatus;
  readonly phase: JobPhase;
  readonly job: JobStatus;
  readonly claim?: Partial<Job>;
}

/** A run that holds the workspace, with its job, as a backup may have them. */
async function given({ run: status, phase, job: jobStatus, claim = {} }: Given): Promise<{ run: Run; job: Job }> {
  const { control, clock } = fixture;
  const run = runRow(workspace, { status });
  const job = jobRow(run, { phase, status: jobStatus, poolId: pool.id, ...claim });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
    await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: clock.now() } });
  });
  return { run, job };
}

const restore = () => fenceDatabase(fixture.control, backupAt);
const jobNow = async ({ id }: Job) => (await fixture.control.store.read((q) => q.jobs.get(id))) as Job;
const runNow = async ({ id }: Run) => (await fixture.control.store.read((q) => q.runs.get(id))) as Run;
const workspaceNow = async () => (await fixture.control.store.read((q) => q.workspaces.get(workspace.id))) as Workspace;

const stateOf = (serial: number) => {
  const bytes = Buffer.from(JSON.stringify({ version: 4, serial, lineage: "l", outputs: {}, resources: [] }));
  return { bytes, lineage: "l", serial, sha256: sha256(bytes) };
};

describe("a restored database", () => {
  test("has another generation, says so in its audit, and gives no old job to anybody", async () => {
    const { control } = fixture;
    await control.store.write((tx) => tx.meta.set(generationKey, "before"));
    const { run, job } = await given({ run: "apply_queued", phase: "apply", job: "queued" });
    const counts = await restore();
    expect(counts).toMatchObject({ runs: 1, locked: 1 });
    expect(await control.store.read((q) => q.meta.get(generationKey))).toBe(counts.generation);
    expect(counts.generation).not.toBe("before");
    await connect();
    expect(await dispatchOnce(control)).toBe(0);
    expect(await jobNow(job)).toMatchObject({ status: "interrupted", agentId: null, tokenHash: null });
    expect(await runNow(run)).toMatchObject({ status: "errored" });
    const [event] = await control.store.read((q) => q.runEvents.list(run.id, { after: 0, limit: 10 }));
    expect(event).toMatchObject({ status: "errored", title: "the control plane was restored from a backup" });
  });

  test("keeps the workspace of a run locked until a person decides", async () => {
    const { control, as } = fixture;
    const { run } = await given({ run: "planned", phase: "plan", job: "finished" });
    await restore();
    expect((await workspaceNow()).lock).toMatchObject({ runId: run.id });
    await resolveRun(control, as("operator"), { id: run.id, resolution: "unlock", comment: "looked" });
    expect((await workspaceNow()).lock).toBeNull();
  });

  test("ends what waited for the workspace", async () => {
    const pending = runRow(workspace, { status: "pending" });
    await fixture.control.store.write((tx) => tx.runs.insert(pending));
    expect(await restore()).toMatchObject({ runs: 1, locked: 0 });
    expect(await runNow(pending)).toMatchObject({ status: "errored", errorMessage: expect.stringMatching(/again$/) });
  });

  test("ends the sessions of before; the same disk is the same agent", async () => {
    const { control } = fixture;
    const before = await connect({ said: introduction({ incarnation: "5a3c2f4e-0000-4000-8000-000000000001" }) });
    await before.cut();
    await restore();
    await expect(authenticate(control, before.registration.sessionToken)).rejects.toMatchObject({
      code: "token_invalid",
    });
    const after = await connect({ said: introduction({ incarnation: "5a3c2f4e-0000-4000-8000-000000000001" }) });
    expect(after.registration.agent.id).toBe(before.registration.agent.id);
    const row = await control.store.read((q) => q.agents.get(after.registration.agent.id));
    expect(row?.sessionEpoch).toBe(1 + epochJump + 1);
  });
});

describe("an agent of before", () => {
  const incarnation = "5a3c2f4e-0000-4000-8000-000000000001";
  const claimOf = ({ registration: { agent } }: FakeAgent): Partial<Job> => ({
    agentId: agent.id,
    agentName: agent.name,
    incarnation,
    epoch: 2,
    attempt: 1,
    startedAt: backupAt,
    tokenHash: "hash",
  });

  test("brings log, state and result of an apply that it had started, and frees the workspace", async () => {
    const { control } = fixture;
    const said = introduction({ incarnation });
    const before = await connect({ said });
    const { run, job } = await given({ run: "applying", phase: "apply", job: "started", claim: claimOf(before) });
    await before.cut();
    await restore();
    const agent = await connect({ said, held: [{ id: job.id, epoch: 2 }] });
    await agent.log({ id: job.id, epoch: 2 }, 0, "applied");
    await storeState(control, { kind: "job", jobId: job.id, epoch: 2 }, stateOf(1));
    expect(await agent.report({ id: job.id, epoch: 2 }, "applied", { stateSerial: 1n })).toMatchObject({
      sealed: true,
    });
    expect(await runNow(run)).toMatchObject({
      status: "errored",
      errorMessage: expect.stringMatching(/restored from a backup.*Recovered: .*state serial 1 was recovered/),
    });
    expect((await workspaceNow()).lock).toBeNull();
  });

  test("brings an apply that the backup only knew as queued, on the token that it got then", async () => {
    const { control } = fixture;
    const { run, job } = await given({ run: "apply_queued", phase: "apply", job: "queued" });
    await restore();
    const agent = await connect({ said: introduction({ incarnation }), held: [{ id: job.id, epoch: 1 }] });
    expect(await jobNow(job)).toMatchObject({
      status: "interrupted",
      epoch: 1,
      agentId: agent.registration.agent.id,
      tokenHash: hashToken(jobTokenOf(control, { id: job.id, epoch: 1 })),
    });
    const who = await authenticate(control, jobTokenOf(control, { id: job.id, epoch: 1 }));
    await storeState(control, who, stateOf(7));
    await agent.log({ id: job.id, epoch: 1 }, 0, "late");
    expect(await agent.report({ id: job.id, epoch: 1 }, "late", { stateSerial: 7n })).toMatchObject({ sealed: true });
    expect((await runNow(run)).errorMessage).toContain("state serial 7 was recovered");
    expect((await workspaceNow()).lock).toBeNull();
  });

  test("does not get such a claim before it has started terraform, nor in another pool, nor twice", async () => {
    const { job } = await given({ run: "apply_queued", phase: "apply", job: "queued", claim: { poolId: null } });
    await restore();
    const held = [{ id: job.id, epoch: 1 }];
    await connect({ held });
    expect((await jobNow(job)).agentId).toBeNull();
    await fixture.control.store.write((tx) => tx.jobs.save({ ...job, status: "interrupted", poolId: pool.id }));
    await connect({ held: [{ id: job.id, epoch: 1, stage: JobStage.PREPARED }] });
    expect((await jobNow(job)).agentId).toBeNull();
    const first = await connect({ held });
    await connect({ held: [{ id: job.id, epoch: 2 }] });
    expect(await jobNow(job)).toMatchObject({ agentId: first.registration.agent.id, epoch: 1 });
  });

  test("is told that a plan is not wanted any more, and that what came after the backup is unknown", async () => {
    const said = introduction({ incarnation });
    const before = await connect({ said });
    const { job } = await given({ run: "planning", phase: "plan", job: "started", claim: claimOf(before) });
    await before.cut();
    await restore();
    const unknown = jobRow(runRow(workspace));
    const held = [
      { id: job.id, epoch: 2 },
      { id: unknown.id, epoch: 1 },
    ];
    await FakeAgent.connect(fixture.control, token, { said, held }).then((agent) => agents.push(agent));
    expect(await jobNow(job)).toMatchObject({ status: "errored", epoch: 2, tokenHash: null });
    const hello = create(HelloSchema, {
      ...{ incarnation, bootId: said.bootId },
      jobs: held.map(({ id, epoch }) =>
        create(HeldJobSchema, { claim: { jobId: id, epoch: BigInt(epoch) }, stage: JobStage.RUNNING }),
      ),
    });
    const decided = await resume(fixture.control, job.agentId as AgentId, { hello, address: "10.0.0.7" });
    expect(decided.decisions).toMatchObject([
      { desired: DesiredState.GONE, sealed: false },
      { desired: DesiredState.GONE, sealed: true },
    ]);
  });
});

test("the servers of the database that the backup was made of are not among those that serve this one", async () => {
  const { store, clock, random } = fixture.control;
  const word = { name: "host", version: "1.0.0", address: "host:7070", startedAt: clock.now(), clockAt: clock.now() };
  await store.step(async (tx) => {
    await tx.replicas.enter({ ...word, id: "one", beats: 1, losses: 0 });
    const told = { replicaId: "one", sessionEpoch: 1, version: 1, facts: null };
    await tx.presences.put([{ ...told, agentId: "agent_1" }]);
  });
  await fenceDatabase({ store, clock, random }, backupAt);
  const left = await store.read(async (q) => [
    ...(await q.replicas.all()),
    ...(await q.presences.since([{ replicaId: "one", version: 0 }])),
  ]);
  expect(left).toEqual([]);
});
