import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { type ConnectOptions, FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { RunOptions } from "../../domain/runs/run.ts";
import { plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { AgentEnginesSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobEngine, JobFeature, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId, type RunId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { storePlan } from "../jobs/artifacts.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { createWorkspace, type NewSettings, updateWorkspace } from "../workspaces/workspaces.ts";
import { listRunEvents } from "./events.ts";
import { retryRun } from "./retry.ts";
import { checkRun, createRun, getRun } from "./runs.ts";

const { TERRAFORM, TOFU } = JobEngine;
type Announced = MessageInitShape<typeof AgentEnginesSchema>;
const having = (engine: JobEngine, ...versions: string[]): Announced => ({
  programs: versions.map((version) => ({ engine, version })),
});
const both: Announced = {
  programs: [
    { engine: TERRAFORM, version: "1.11.4" },
    { engine: TOFU, version: "1.11.4" },
  ],
};

describe.each(testEngines)("the program of a run ($name)", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let token: Principal;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { rows } = await engine.urls(held);
    fixture = held.use(await openTestControl({ rows, hasLogs: true }));
    const { control, as } = fixture;
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    const created = await createAgentToken(control, as("owner"), {
      pool: ref("prod"),
      description: "",
      expiresInMs: 0,
    });
    token = { kind: "agent_token", id: created.token.id, poolId: pool.id, organizationId: pool.organizationId };
    await createWorkspace(control, as("owner"), newWorkspace("net", { executionMode: "agent", pool: "prod" }));
  });
  afterEach(() => held.disposeAsync());

  const connect = async (
    name: string,
    engines?: Announced,
    more: Pick<ConnectOptions, "features"> = {},
  ): Promise<FakeAgent> =>
    held.use(await FakeAgent.connect(fixture.control, token, { said: introduction({ name }), engines, ...more }));

  const edit = (changes: Parameters<typeof updateWorkspace>[2]["changes"]) =>
    updateWorkspace(fixture.control, fixture.as("owner"), { reference: ref("net"), changes, etag: "" });

  async function newRun(isAutoApply = false, more: Partial<RunOptions> = {}): Promise<RunId> {
    const { control, as, clock } = fixture;
    const workspace = await control.store.read((q) => q.workspaces.byName(fixture.organization.id, "net"));
    const configurationId = newId("cv", systemRandom);
    await control.store.write((tx) =>
      tx.configurations.insert({
        ...{ id: configurationId, organizationId: fixture.organization.id, workspaceId: workspace?.id ?? "ws_0" },
        ...{
          blobKey: "00",
          bytes: 1,
          sha256: "00",
          ...plainConfiguration,
          fileCount: 1,
          createdBy: "ana",
          createdAt: clock.now(),
        },
      }),
    );
    const options = {
      ...{ isPlanOnly: false, isAutoApply, isDestroy: false, skipsRefresh: false, isRefreshOnly: false, targets: [] },
      ...{ replacements: [], variables: [], engineVersion: "", allowsEmptyApply: true, parallelism: 0 },
      ...more,
    };
    const wish = { workspace: ref("net"), configurationId, options, message: "", requestId: "" };
    return (await createRun(control, as("operator"), wish)).run.id;
  }

  const viewOf = (id: RunId) => getRun(fixture.control, fixture.as("reader"), id);
  const jobOf = async (runId: RunId, phase: Job["phase"] = "plan"): Promise<Job> => {
    const job = (await fixture.control.store.read((q) => q.jobs.ofRun(runId))).find((row) => row.phase === phase);
    if (job === undefined) throw new Error(`the ${phase} job is there`);
    return job;
  };
  const waitingOf = async (id: RunId) => (await viewOf(id)).waiting;

  /** As a real agent does: starts a plan, uploads it, reports it. */
  async function planned(agent: FakeAgent, runId: RunId): Promise<void> {
    await dispatchOnce(fixture.control);
    await agent.next("offer");
    const job = await jobOf(runId);
    await agent.start(job);
    const who: Principal = { kind: "job", jobId: job.id, epoch: job.epoch };
    await storePlan(fixture.control, who, {
      ...{ plan: Buffer.from("plan"), planSha256: sha256("plan"), summary: Buffer.from("{}"), files: undefined },
      documents: { planJson: new Uint8Array(), redactedJson: new Uint8Array() },
      ...{ engine: "terraform", engineVersion: "1.11.4", lockFile: Buffer.from('provider "a" {}\n') },
    });
    const origin = { engine: TERRAFORM, engineVersion: "1.11.4" };
    await agent.report(job, "", { hasChanges: true, planSha256: sha256("plan"), ...origin });
  }

  test("is the one that planned it, whatever the workspace says when it is applied", async () => {
    const agent = await connect("vm-1", both);
    const runId = await newRun(true);
    await dispatchOnce(fixture.control);
    await edit({ engine: "tofu" });
    await planned(agent, runId);
    expect((await viewOf(runId)).run).toMatchObject({ engine: "terraform", engineVersion: "1.11.4" });
    await dispatchOnce(fixture.control);
    const { job } = await agent.next("offer");
    expect(job).toMatchObject({ engine: TERRAFORM, engineVersion: "1.11.4", planEngineVersion: "1.11.4" });
    expect(Buffer.from(job?.lockFile ?? []).toString()).toBe('provider "a" {}\n');
    const apply = await jobOf(runId, "apply");
    await agent.start(apply);
    await agent.report(apply, "");
    expect((await viewOf(runId)).run).toMatchObject({ status: "applied", engine: "terraform", planLockFile: null });
  });

  test("decides which options a run may have, when it is created, looked at before that, and repeated", async () => {
    const { control, as } = fixture;
    const excludes = ["terraform_data.a"];
    const refused = { code: "validation", fields: [{ field: "options.excludes" }] };
    await expect(newRun(false, { excludes })).rejects.toMatchObject(refused);
    await edit({ engine: "tofu" });
    const agent = await connect("vm-1", both);
    const runId = await newRun(true, { excludes, isDestroy: true, suppressesForgetErrors: true });
    await dispatchOnce(control);
    const { job } = await agent.next("offer");
    expect(job?.options).toMatchObject({ excludes, suppressForgetErrors: true });
    await agent.start(await jobOf(runId));
    await agent.report(await jobOf(runId), "", { outcome: JobOutcome.ERRORED });
    const again = { id: runId, message: "", requestId: "", source: "cli" } as const;
    const repeated = await retryRun(control, as("operator"), again);
    expect(repeated.run.options).toMatchObject({ excludes, suppressesForgetErrors: true });
    await edit({ engine: "terraform" });
    await expect(retryRun(control, as("operator"), again)).rejects.toMatchObject(refused);
    const { options } = repeated.run;
    const asked = { workspace: ref("net"), options: { ...options, excludes: [] } };
    await expect(checkRun(control, as("operator"), asked)).rejects.toMatchObject({
      message: expect.stringMatching(/workspace net runs terraform: only OpenTofu has -suppress-forget-errors/),
    });
    const odd = {
      ...asked,
      options: { ...options, excludes: [], suppressesForgetErrors: false, engineVersion: "new" },
    };
    await expect(checkRun(control, as("operator"), odd)).rejects.toMatchObject({
      fields: [{ field: "options.engine_version" }],
    });
  });

  test("of a workspace that names none is tofu where the pool's agents have nothing else, if nobody said otherwise", async () => {
    const { control, as, organization } = fixture;
    await connect("vm-1", having(TOFU, "1.12.6"));
    const engineOf = async (name: string, settings: Partial<NewSettings> = {}) => {
      const wanted = newWorkspace(name, { engine: null, executionMode: "agent", pool: "prod", ...settings });
      return (await createWorkspace(control, as("owner"), wanted)).workspace.engine;
    };
    expect(await engineOf("aa")).toBe("tofu");
    expect(await engineOf("bb", { engine: "terraform" })).toBe("terraform");
    expect(await engineOf("cc", { engineVersion: "1.11" })).toBe("terraform");
    expect(await engineOf("dd", { executionMode: "remote", pool: "" }), "its agents come later").toBe("tofu");
    expect(await engineOf("ee", { executionMode: "local", pool: "" })).toBe("tofu");
    await createPool(control, as("owner"), newPool("empty"));
    expect(await engineOf("hh", { pool: "empty" }), "the other agents tell").toBe("tofu");
    await control.store.write((tx) => tx.organizations.save({ ...organization, defaultEngineVersion: "1.11.4" }));
    expect(await engineOf("ff")).toBe("terraform");
    await control.store.write((tx) => tx.organizations.save({ ...organization, version: organization.version + 1 }));
    await connect("vm-2", having(TERRAFORM, "1.11.4"));
    expect(await engineOf("gg")).toBe("terraform");
    expect(await engineOf("ii", { executionMode: "remote", pool: "" })).toBe("terraform");
    expect(await engineOf("jj", { pool: "empty" })).toBe("terraform");
  });

  test("is told of a plan that failed too, and of an older agent's without a name", async () => {
    const agent = await connect("vm-1", both);
    const failed = await newRun();
    await dispatchOnce(fixture.control);
    await agent.next("offer");
    await agent.start(await jobOf(failed));
    await agent.report(await jobOf(failed), "", { outcome: JobOutcome.ERRORED, engineVersion: "1.11.4" });
    expect((await viewOf(failed)).run).toMatchObject({
      ...{ status: "errored", engine: "terraform", engineVersion: "1.11.4" },
    });
  });

  test("and its options go to no agent that does not know them: the run waits and says which are too old", async () => {
    const { control } = fixture;
    await edit({ engine: "tofu" });
    await connect("vm-old", having(TOFU, "1.11.4"), { features: [] });
    const runId = await newRun(true, { excludes: ["terraform_data.a"] });
    expect(await dispatchOnce(control)).toBe(0);
    expect(await waitingOf(runId)).toMatchObject({
      reason: "no_agent_with_option",
      detail: expect.stringMatching(/^no agent of pool prod knows --exclude, .*: vm-old \(0\.0\.0\)\. Bring one/),
    });
    const current = await connect("vm-new", having(TOFU, "1.11.4"), { features: [JobFeature.EXCLUDES] });
    expect(await dispatchOnce(control)).toBe(1);
    expect((await jobOf(runId)).agentName).toBe("vm-new");
    const decision = await current.start(await jobOf(runId), current.said.incarnation, "tofu was not found");
    expect(decision, "there is nobody else who knows the option").toMatchObject({ granted: true });
  });

  test("and its options count in the phase that has them: any agent plans a destroy whose apply only a newer one may do", async () => {
    const { control } = fixture;
    const old = await connect("vm-old", both, { features: [JobFeature.EXCLUDES] });
    await edit({ engine: "tofu" });
    const runId = await newRun(true, { isDestroy: true, suppressesForgetErrors: true });
    await planned(old, runId);
    expect(await dispatchOnce(control)).toBe(0);
    expect(await waitingOf(runId)).toMatchObject({
      reason: "no_agent_with_option",
      detail: expect.stringContaining("knows --suppress-forget-errors"),
    });
    await connect("vm-new", both);
    expect(await dispatchOnce(control)).toBe(1);
    expect((await jobOf(runId, "apply")).agentName).toBe("vm-new");
  });

  test("is not looked for where it is not: the run waits and says what each agent has", async () => {
    await edit({ engine: "tofu", engineVersion: "~> 1.12" });
    const old = await connect("vm-old", having(TOFU, "1.11.5"));
    await connect("vm-tf", having(TERRAFORM, "1.12.1"));
    const runId = await newRun();
    expect(await dispatchOnce(fixture.control)).toBe(0);
    expect(await waitingOf(runId)).toMatchObject({
      reason: "no_agent_with_engine",
      detail: expect.stringMatching(/has tofu ~> 1.12.*vm-old has tofu 1.11.5; vm-tf has terraform 1.12.1/),
    });
    old.send({ case: "heartbeat", value: { engines: having(TOFU, "1.12.6", "1.11.5") } });
    await old.next("heartbeatReply");
    expect(await dispatchOnce(fixture.control)).toBe(1);
    expect((await jobOf(runId)).agentName).toBe("vm-old");
    const row = await fixture.control.store.read((q) => q.agents.get(old.registration.agent.id));
    expect(row?.engines?.programs).toEqual([
      { engine: "tofu", version: "1.12.6" },
      { engine: "tofu", version: "1.11.5" },
    ]);
  });

  test("is waited for while the agent that has it is busy", async () => {
    await edit({ engine: "tofu" });
    const fit = await connect("vm-fit", having(TOFU, "1.12.6"));
    await connect("vm-unfit", having(TERRAFORM, "1.11.4"));
    await createWorkspace(
      fixture.control,
      fixture.as("owner"),
      newWorkspace("other", { executionMode: "agent", pool: "prod" }),
    );
    await newRun();
    await dispatchOnce(fixture.control);
    await fit.next("offer");
    const { control, organization } = fixture;
    const workspace = await control.store.read((q) => q.workspaces.byName(organization.id, "net"));
    await control.store.write(async (tx) => {
      if (workspace !== undefined) await tx.workspaces.save({ ...workspace, lock: null });
    });
    const second = await newRun();
    expect(await dispatchOnce(control)).toBe(0);
    expect(await waitingOf(second)).toMatchObject({
      reason: "agents_busy",
      detail: expect.stringMatching(
        /the only fit agent .* is busy; it asks for tofu, and vm-unfit has terraform 1.11.4/,
      ),
    });
  });

  test("is had elsewhere when an agent cannot have what it announced, and the run's story says so", async () => {
    await edit({ engine: "tofu" });
    const liar = await connect("vm-liar", having(TOFU, "1.12.6"));
    const runId = await newRun();
    await dispatchOnce(fixture.control);
    await liar.next("offer");
    const honest = await connect("vm-honest", having(TOFU, "1.12.7"));
    const why = "tofu was not found on this agent";
    const decision = await liar.start(await jobOf(runId), liar.said.incarnation, why);
    expect(decision).toMatchObject({ granted: false, reason: expect.stringContaining("vm-honest") });
    expect(await dispatchOnce(fixture.control)).toBe(1);
    await honest.next("offer");
    const page = { size: 50, token: "" };
    const events = await listRunEvents(fixture.control, fixture.as("reader"), { id: runId, page });
    expect(events.rows).toContainEqual(
      expect.objectContaining({ actor: "vm-liar", comment: expect.stringContaining(why) }),
    );
    expect(await honest.start(await jobOf(runId))).toMatchObject({ granted: true });
  });

  test("is not waited for when nobody else can have it: the job is started to say so", async () => {
    const alone = await connect("vm-1", { downloads: [{ engine: TERRAFORM, source: "a mirror" }] });
    await connect("vm-2", having(TOFU, "1.12.6"));
    const runId = await newRun();
    await dispatchOnce(fixture.control);
    await alone.next("offer");
    const decision = await alone.start(await jobOf(runId), alone.said.incarnation, "the mirror does not answer");
    expect(decision).toMatchObject({ granted: true });
  });

  test("is anything for an agent that does not say what it has", async () => {
    await edit({ engine: "tofu", engineVersion: "9.9.9" });
    const older = await connect("vm-older");
    await newRun();
    expect(await dispatchOnce(fixture.control)).toBe(1);
    await older.next("offer");
  });
});
