import { afterEach, beforeEach, expect } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { createAgentToken } from "../../src/control/agents/tokens.ts";
import { dispatchOnce } from "../../src/control/jobs/dispatcher.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import type { Principal } from "../../src/domain/people/principal.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import { plainConfiguration } from "../../src/domain/workspaces/configuration.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { JobStage } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { openTestControl, type TestControl } from "./control.ts";
import { FakeAgent } from "./fake-agent.ts";
import { jobRow, runRow } from "./rows.ts";
import { newPool, newWorkspace, ref } from "./wanted.ts";

/** A control plane with a pool and a workspace, and the agents that a test of the protocol connects to it. */
export interface ContractStage {
  readonly fixture: TestControl;
  readonly token: Extract<Principal, { kind: "agent_token" }>;
  connect(): Promise<FakeAgent>;
  /** Disposes of the agent after the test. */
  keep(agent: FakeAgent): void;
  /** A job of a fresh run, offered to the agent. */
  offered(agent: FakeAgent, phase?: Job["phase"], decidedBy?: string): Promise<Job>;
  jobOf(id: Job["id"]): Promise<Job>;
  runOf(job: Job): Promise<Run>;
  started(agent: FakeAgent, phase?: Job["phase"]): Promise<Job>;
  /** A heartbeat is answered: the session lives. */
  expectAlive(agent: FakeAgent, job: Job): Promise<void>;
}

export const claimOf = ({ id, epoch }: Pick<Job, "id" | "epoch">) => ({ jobId: id, epoch: BigInt(epoch) });

/** Registers what makes and ends the stage of each test. */
export function useContractStage(): ContractStage {
  let fixture: TestControl;
  let token: ContractStage["token"];
  let workspace: Workspace;
  const agents: FakeAgent[] = [];

  beforeEach(async () => {
    fixture = await openTestControl({ hasLogs: true });
    const { control, as } = fixture;
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    const created = await createAgentToken(control, as("owner"), {
      pool: ref("prod"),
      description: "",
      expiresInMs: 0,
    });
    token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
    const wanted = newWorkspace("net", { executionMode: "agent", pool: "prod" });
    workspace = (await createWorkspace(control, as("owner"), wanted)).workspace;
  });

  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });

  async function connect(): Promise<FakeAgent> {
    const agent = await FakeAgent.connect(fixture.control, token);
    agents.push(agent);
    return agent;
  }

  async function offered(agent: FakeAgent, phase: Job["phase"] = "plan", decidedBy = ""): Promise<Job> {
    const run: Run = { ...runRow(workspace, { status: phase === "plan" ? "plan_queued" : "apply_queued" }), decidedBy };
    const job = jobRow(run, { phase, poolId: workspace.poolId });
    const { id, organizationId } = { id: run.configurationId, organizationId: workspace.organizationId };
    const content = { ...plainConfiguration, blobKey: "00", bytes: 1, sha256: "00", fileCount: 1 };
    const by = { createdBy: "ana", createdAt: fixture.clock.now() };
    await fixture.control.store.write(async (tx) => {
      const row = { id, organizationId, workspaceId: workspace.id, message: "", ...content, ...by };
      await tx.configurations.insert(row);
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    await dispatchOnce(fixture.control);
    await agent.next("offer");
    return jobOf(job.id);
  }

  async function jobOf(id: Job["id"]): Promise<Job> {
    const job = await fixture.control.store.read((q) => q.jobs.get(id));
    if (job === undefined) throw new Error("the job is there");
    return job;
  }

  async function runOf({ runId }: Job): Promise<Run> {
    const run = await fixture.control.store.read((q) => q.runs.get(runId));
    if (run === undefined) throw new Error("the run is there");
    return run;
  }

  async function started(agent: FakeAgent, phase: Job["phase"] = "plan"): Promise<Job> {
    const job = await offered(agent, phase);
    expect(await agent.start(job)).toMatchObject({ granted: true });
    return jobOf(job.id);
  }

  async function expectAlive(agent: FakeAgent, job: Job): Promise<void> {
    agent.send({ case: "heartbeat", value: { jobs: [{ claim: claimOf(job), stage: JobStage.RUNNING }] } });
    expect((await agent.next("heartbeatReply")).jobs).toMatchObject([{ claim: claimOf(job) }]);
    expect(agent.isOver).toBe(false);
  }

  return {
    get fixture() {
      return fixture;
    },
    get token() {
      return token;
    },
    keep: (agent) => void agents.push(agent),
    ...{ connect, offered, jobOf, runOf, started, expectAlive },
  };
}
