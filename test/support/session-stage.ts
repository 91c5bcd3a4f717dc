import { afterEach, beforeEach } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { createAgentToken } from "../../src/control/agents/tokens.ts";
import { dispatchOnce } from "../../src/control/jobs/dispatcher.ts";
import { createRun, getRun } from "../../src/control/runs/runs.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import type { Principal } from "../../src/domain/people/principal.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import type { Run, RunOptions } from "../../src/domain/runs/run.ts";
import { plainConfiguration } from "../../src/domain/workspaces/configuration.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId, type RunId } from "../../src/lib/words/ids.ts";
import { openTestControl, type TestControl } from "./control.ts";
import { FakeAgent } from "./fake-agent.ts";
import { newPool, newWorkspace, ref } from "./wanted.ts";

/** A control plane with a pool and a workspace, and the agents that a test connects to it. */
export interface SessionStage {
  readonly fixture: TestControl;
  readonly token: Extract<Principal, { kind: "agent_token" }>;
  readonly planSha256: string;
  connect(options?: Parameters<typeof FakeAgent.connect>[2]): Promise<FakeAgent>;
  /** Disposes of the agent after the test. */
  keep(agent: FakeAgent): void;
  newRun(isAutoApply?: boolean, change?: Partial<RunOptions>): Promise<RunId>;
  jobOf(runId: RunId, phase?: Job["phase"]): Promise<Job>;
  runOf(runId: RunId): Promise<Run>;
  /** Offers what is queued; answers the job as it is then. */
  offered(agent: FakeAgent, runId: RunId, phase?: Job["phase"]): Promise<Job>;
  /** As if the agent had uploaded a plan. */
  storePlan(runId: RunId): Promise<void>;
  /** Brings a run to its apply, started by the agent. */
  applying(agent: FakeAgent): Promise<{ readonly runId: RunId; readonly job: Job }>;
}

/** Registers what makes and ends the stage of each test. */
export function useSessionStage(): SessionStage {
  let fixture: TestControl;
  let token: SessionStage["token"];
  const agents: FakeAgent[] = [];

  beforeEach(async () => {
    fixture = await openTestControl({ hasLogs: true });
    const { control, as } = fixture;
    const wanted = newPool("prod", { isOrganizationScoped: false, grants: ["net"] });
    const { pool } = await createPool(control, as("owner"), wanted);
    const created = await createAgentToken(control, as("owner"), {
      pool: ref("prod"),
      description: "",
      expiresInMs: 0,
    });
    token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
    await createWorkspace(control, as("owner"), newWorkspace("net", { executionMode: "agent", pool: "prod" }));
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

  async function newRun(isAutoApply = false, change: Partial<RunOptions> = {}): Promise<RunId> {
    const { control, as } = fixture;
    const workspace = await control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    if (workspace === undefined) throw new Error("the workspace is there");
    const configurationId = newId("cv", systemRandom);
    await control.store.write((tx) =>
      tx.configurations.insert({
        id: configurationId,
        organizationId: workspace.organizationId,
        workspaceId: workspace.id,
        blobKey: "00",
        bytes: 1,
        sha256: "00",
        ...plainConfiguration,
        fileCount: 1,
        createdBy: "ana",
        createdAt: fixture.clock.now(),
      }),
    );
    const options = {
      isPlanOnly: false,
      isAutoApply,
      isDestroy: false,
      skipsRefresh: false,
      isRefreshOnly: false,
      targets: [],
      replacements: [],
      variables: [],
      engineVersion: "",
      allowsEmptyApply: true,
      parallelism: 0,
      ...change,
    };
    const view = await createRun(control, as("operator"), {
      workspace: ref("net"),
      configurationId,
      options,
      message: "",
      requestId: "",
    });
    return view.run.id;
  }

  const jobOf = async (runId: RunId, phase: Job["phase"] = "plan"): Promise<Job> => {
    const job = (await fixture.control.store.read((q) => q.jobs.ofRun(runId))).find((row) => row.phase === phase);
    if (job === undefined) throw new Error(`the ${phase} job is there`);
    return job;
  };

  const runOf = async (runId: RunId): Promise<Run> => (await getRun(fixture.control, fixture.as("reader"), runId)).run;

  async function offered(agent: FakeAgent, runId: RunId, phase: Job["phase"] = "plan"): Promise<Job> {
    await dispatchOnce(fixture.control);
    await agent.next("offer");
    return jobOf(runId, phase);
  }

  const planSha256 = "a".repeat(64);

  const storePlan = (runId: RunId): Promise<void> =>
    fixture.control.store.write(async (tx) => {
      const run = await tx.runs.get(runId);
      if (run !== undefined) await tx.runs.save({ ...run, planSha256, planBytes: 1, planBlobKey: "00" });
    });

  async function applying(agent: FakeAgent): Promise<{ readonly runId: RunId; readonly job: Job }> {
    const runId = await newRun(true);
    const plan = await offered(agent, runId);
    await agent.start(plan);
    await storePlan(runId);
    await agent.report(plan, "", { hasChanges: true, planSha256 });
    const job = await offered(agent, runId, "apply");
    await agent.start(job);
    return { runId, job: await jobOf(runId, "apply") };
  }
  return {
    get fixture() {
      return fixture;
    },
    get token() {
      return token;
    },
    keep: (agent) => void agents.push(agent),
    ...{ planSha256, connect, newRun, jobOf, runOf, offered, storePlan, applying },
  };
}
