import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAgentToken } from "../src/control/agents/tokens.ts";
import { dispatchOnce } from "../src/control/jobs/dispatcher.ts";
import { Liveness } from "../src/control/sessions/liveness.ts";
import type { Principal } from "../src/domain/people/principal.ts";
import type { Job } from "../src/domain/runs/job.ts";
import { plainConfiguration } from "../src/domain/workspaces/configuration.ts";
import { JobStage } from "../src/gen/windlass/agent/v1/job_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import { silentLog } from "../src/lib/program/log.ts";
import { newId } from "../src/lib/words/ids.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { routesOf } from "../src/server/routes.ts";
import { loadServices, PlainClient } from "./clients/plain-grpc.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { FakeAgent, introduction } from "./support/fake-agent.ts";
import { listen } from "./support/listen.ts";
import { jobRow, plainOptions, runRow } from "./support/rows.ts";
import * as rows from "./support/store/rows.ts";

const services = loadServices([resolve(import.meta.dirname, "../proto/externalscaler/externalscaler.proto")]);
const held = new AsyncDisposableStack();
let fixture: TestControl;
let keda: PlainClient;

beforeAll(async () => {
  fixture = held.use(await openTestControl({ hasLogs: true, limits: { registrationsPerMinute: 0 } }));
  const { control } = fixture;
  const readiness = new Readiness();
  const routes = routesOf({ control, liveness: new Liveness(), generation: "1", readiness, hasReflection: false });
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, interceptors: interceptorsFor(control), readiness, log: silentLog() },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  held.defer(() => opened.listener.close(0));
  keda = held.use(new PlainClient({ url: opened.listener.url, services }));
});
afterAll(() => held.disposeAsync());

const most = 20;

/** A pool, what its agents and KEDA show, and the jobs that people bring. */
async function openPool(name: string) {
  const { control, organization, as, clock } = fixture;
  const pool = rows.pool({
    id: newId("apool", control.random),
    organizationId: organization.id,
    name,
    isOrganizationScoped: true,
  });
  await control.store.write((tx) => tx.pools.insert(pool));
  const wanted = { pool: { organization: "", name }, description: "", expiresInMs: null };
  const { token, secret } = await createAgentToken(control, as("owner"), wanted);
  const who: Principal = { kind: "agent_token", id: token.id, poolId: pool.id, organizationId: organization.id };
  const jobIds: Job["id"][] = [];

  /** Each of a workspace of its own, so that all of them can run at once. */
  async function queue(count: number): Promise<void> {
    await control.store.write(async (tx) => {
      for (let n = 0; n < count; n += 1) {
        const own = { organizationId: organization.id };
        const id = newId("ws", control.random);
        const workspace = rows.workspace({ ...own, id, name: id, poolId: pool.id, executionMode: "agent" });
        const run = runRow(workspace, { status: "plan_queued", options: { ...plainOptions, isPlanOnly: true } });
        const job = jobRow(run, { poolId: pool.id, status: "queued" });
        const content = { ...plainConfiguration, blobKey: "00", bytes: 1, sha256: "00", fileCount: 1, message: "" };
        const by = { createdBy: "ana", createdAt: clock.now() };
        await tx.workspaces.insert(workspace);
        await tx.configurations.insert({ ...own, id: run.configurationId, workspaceId: id, ...content, ...by });
        await tx.runs.insert(run);
        await tx.jobs.insert(job);
        jobIds.push(job.id);
      }
    });
  }

  /** What KEDA asks at each of its intervals. */
  async function ask(): Promise<number> {
    await clock.advance(1_000);
    const reference = { name: "agents", namespace: "windlass", scalerMetadata: { tokenFromEnv: secret } };
    const call = (method: string, request: object) =>
      keda.unary({ rpc: `externalscaler.ExternalScaler/${method}` }, { ...request });
    const { result } = await call("IsActive", reference);
    const { metricSpecs } = await call("GetMetricSpec", reference);
    const [{ metricName, targetSizeFloat }] = metricSpecs as [{ metricName: string; targetSizeFloat: number }];
    const { metricValues } = await call("GetMetrics", { scaledObjectRef: reference, metricName });
    const [{ metricValueFloat }] = metricValues as [{ metricValueFloat: number }];
    // As KEDA has it: nothing at all while it is not active, else as the autoscaler computes it.
    return result === true ? Math.min(most, Math.ceil(metricValueFloat / targetSizeFloat)) : 0;
  }
  const jobs = () => control.store.read((q) => q.jobs.byIds(jobIds));
  return { who, queue, ask, jobs };
}

/** A pod with an agent of one job at once. */
class Pod {
  readonly agent: FakeAgent;
  job: Job["id"] | undefined;
  isTerminating = false;
  isGone = false;
  wasBusyAtItsEnd = false;
  done = 0;

  constructor(agent: FakeAgent) {
    this.agent = agent;
  }

  static async start(who: Principal, name: string): Promise<Pod> {
    return new Pod(held.use(await FakeAgent.connect(fixture.control, who, { said: introduction({ name }) })));
  }

  /** Starts what was offered to it. A pod that is to go is offered nothing any more. */
  async take(): Promise<void> {
    expect([this.isTerminating, this.job]).toEqual([false, undefined]);
    const { job } = await this.agent.next("offer");
    const id = job?.claim?.jobId as Job["id"];
    expect(await this.agent.start({ id, epoch: 1 })).toMatchObject({ granted: true });
    this.job = id;
  }

  async finish(): Promise<void> {
    if (this.job === undefined) return;
    await this.agent.report({ id: this.job, epoch: 1 }, "", { hasChanges: false });
    this.job = undefined;
    this.done += 1;
    if (this.isTerminating) await this.leave();
    else await this.beat();
  }

  /** SIGTERM: the agent says that it drains, and leaves at once only if it has no job. */
  async terminate(): Promise<void> {
    this.isTerminating = true;
    this.wasBusyAtItsEnd = this.job !== undefined;
    await this.beat();
    if (this.job === undefined) await this.leave();
  }

  async beat(): Promise<void> {
    const jobs = this.job === undefined ? [] : [{ claim: { jobId: this.job, epoch: 1n }, stage: JobStage.RUNNING }];
    this.agent.send({ case: "heartbeat", value: { jobs, draining: this.isTerminating } });
    await this.agent.next("heartbeatReply");
  }

  async leave(): Promise<void> {
    this.agent.send({ case: "goodbye", value: { reason: "its pod ends" } });
    this.isGone = true;
    await this.agent.cut();
  }
}

/** Offers what is queued, and has it started. */
async function dispatch(pods: readonly Pod[], jobs: () => Promise<readonly Job[]>): Promise<void> {
  while ((await dispatchOnce(fixture.control)) > 0) await Promise.resolve();
  for (const { status, agentId } of await jobs())
    if (status === "offered") await pods.find(({ agent }) => agent.registration.agent.id === agentId)?.take();
}

test("a deployment goes from nothing to twenty and back by what the scaler says, and no busy agent is ended", async () => {
  const { who, queue, ask, jobs } = await openPool("deployment");
  const pods: Pod[] = [];
  const staying = () => pods.filter(({ isGone, isTerminating }) => !isGone && !isTerminating);
  const sizes: number[] = [];
  /** The worst that a deployment can choose: the busy ones first. */
  const scale = async () => {
    const wanted = await ask();
    sizes.push(wanted);
    while (staying().length < wanted) pods.push(await Pod.start(who, `pod-${pods.length + 1}`));
    const byUse = staying().toSorted((a, b) => Number(b.job !== undefined) - Number(a.job !== undefined));
    for (const pod of byUse.slice(0, Math.max(0, staying().length - wanted))) await pod.terminate();
    await dispatch(pods, jobs);
  };

  await scale();
  await queue(most + 4);
  await scale();
  expect(staying().filter(({ job }) => job !== undefined)).toHaveLength(most);
  for (let round = 0; round < 12; round += 1) {
    for (const pod of pods.filter(({ job }) => job !== undefined).slice(0, 5)) await pod.finish();
    // In the middle of the way down more comes.
    if (round === 3) await queue(3);
    await scale();
  }
  for (const pod of pods) await pod.finish();
  await scale();

  expect([sizes[0], Math.max(...sizes), sizes.at(-1)]).toEqual([0, most, 0]);
  expect(pods.every(({ isGone }) => isGone)).toBe(true);
  expect(pods.filter(({ wasBusyAtItsEnd }) => wasBusyAtItsEnd).length).toBeGreaterThan(5);
  const ended = await jobs();
  expect(ended).toHaveLength(most + 7);
  // None was given twice, so none was taken from an agent.
  expect(new Set(ended.map(({ status, epoch }) => `${status} ${epoch}`))).toEqual(new Set(["finished 1"]));
});

test("a job of Kubernetes for each job: none too many, and none too few", async () => {
  const { who, queue, ask, jobs } = await openPool("job");
  const pods: Pod[] = [];
  const running = () => pods.filter(({ isGone }) => !isGone);
  /** KEDA's strategy for jobs: those that run are among the ones that the server counts. */
  const scale = async () => {
    const wanted = (await ask()) - running().length;
    for (let n = 0; n < wanted; n += 1) pods.push(await Pod.start(who, `single-${pods.length + 1}`));
    await dispatch(pods, jobs);
  };
  /** With --single it leaves after its job. */
  const finish = async (count: number) => {
    for (const pod of running().slice(0, count)) {
      await pod.finish();
      await pod.leave();
    }
  };

  await scale();
  await queue(5);
  await scale();
  // KEDA asks again before anything has ended.
  await scale();
  expect(pods).toHaveLength(5);
  await finish(2);
  await queue(most);
  await scale();
  expect(running()).toHaveLength(most);
  await finish(most);
  await scale();
  await finish(most);
  await scale();
  expect([running(), pods.length]).toEqual([[], 25]);
  expect(pods.map(({ done }) => done)).toEqual(pods.map(() => 1));
  expect((await jobs()).map(({ status, epoch }) => `${status} ${epoch}`)).toEqual(pods.map(() => "finished 1"));
});
