import { resolve } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createAgentToken } from "../src/control/agents/tokens.ts";
import { createApiKey } from "../src/control/people/api-keys.ts";
import { Liveness } from "../src/control/sessions/liveness.ts";
import type { Job } from "../src/domain/runs/job.ts";
import { Readiness } from "../src/http/readiness.ts";
import { silentLog } from "../src/lib/program/log.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { routesOf } from "../src/server/routes.ts";
import { loadServices, type Message, PlainClient } from "./clients/plain-grpc.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { listen } from "./support/listen.ts";
import { agentRow, jobRow, runRow } from "./support/rows.ts";
import * as rows from "./support/store/rows.ts";

const scaler = "externalscaler.ExternalScaler";
const held = new AsyncDisposableStack();
let fixture: TestControl;
let keda: PlainClient;
let metadata: Record<string, string>;
let jobs: readonly Job[];

/** KEDA's own names, read from the proto file by a client that knows nothing of our code. */
const services = loadServices([resolve(import.meta.dirname, "../proto/externalscaler/externalscaler.proto")]);

beforeAll(async () => {
  fixture = held.use(await openTestControl());
  const { control } = fixture;
  const readiness = new Readiness();
  const routes = routesOf({ control, liveness: new Liveness(), generation: "1", readiness, hasReflection: true });
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, interceptors: interceptorsFor(control), readiness, log: silentLog() },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  held.defer(() => opened.listener.close(0));
  keda = held.use(new PlainClient({ url: opened.listener.url, services }));
  jobs = await fourJobs(fixture);
  const { secret } = await createAgentToken(control, fixture.as("owner"), {
    ...{ pool: { organization: "", name: "prod" }, description: "keda", expiresInMs: null },
  });
  metadata = { scalerAddress: "windlass:7070", tokenFromEnv: secret };
});
afterAll(() => held.disposeAsync());

/** In a pool: one is ready, one wants a label, one runs, and one has ended, so that its run waits for a person. */
async function fourJobs({ control, organization }: TestControl): Promise<readonly Job[]> {
  const own = { organizationId: organization.id };
  const pool = rows.pool({ ...own, name: "prod" });
  const agent = agentRow(pool);
  const made: Job[] = [];
  await control.store.write(async (tx) => {
    await tx.pools.insert(pool);
    await tx.agents.insert(agent);
    for (const name of ["plain", "choosy", "busy", "asks"]) {
      const agentSelector = name === "choosy" ? "zone=a" : "";
      const workspace = rows.workspace({ ...own, id: `ws_${name}`, name, poolId: pool.id, agentSelector });
      const run = runRow(workspace, { status: name === "asks" ? "planned" : "plan_queued" });
      const state: Partial<Job> =
        name === "busy"
          ? { status: "started", agentId: agent.id, epoch: 1 }
          : { status: name === "asks" ? "finished" : "queued" };
      const job = jobRow(run, { poolId: pool.id, ...state });
      await tx.workspaces.insert(workspace);
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
      made.push(job);
    }
  });
  return made;
}

const reference = (more: Record<string, string> = {}): Message => ({
  ...{ name: "agents", namespace: "terraform" },
  scalerMetadata: { ...metadata, ...more },
});
const ask = (method: string, request: Message) => keda.unary({ rpc: `${scaler}/${method}` }, request);
const valueFor = async (more: Record<string, string> = {}) => {
  const { metricValues } = await ask("GetMetrics", { scaledObjectRef: reference(more), metricName: "windlass-jobs" });
  return metricValues;
};
const value = (jobs: number) => [{ metricName: "windlass-jobs", metricValue: String(jobs), metricValueFloat: jobs }];

describe("what KEDA is told", () => {
  test("jobs that are ready or run, and none that waits for a person", async () => {
    expect(await valueFor()).toEqual(value(3));
    expect(await ask("IsActive", reference())).toEqual({ result: true });
  });

  test("only those that agents with these labels could take", async () => {
    expect(await valueFor({ labels: "zone=b" })).toEqual(value(2));
    expect(await valueFor({ labels: "zone=a,gpu" })).toEqual(value(3));
  });

  test("how many jobs one agent is for", async () => {
    const spec = (size: number) => [{ metricName: "windlass-jobs", targetSize: String(size), targetSizeFloat: size }];
    expect((await ask("GetMetricSpec", reference())).metricSpecs).toEqual(spec(1));
    expect((await ask("GetMetricSpec", reference({ jobsPerAgent: "4" }))).metricSpecs).toEqual(spec(4));
  });

  test("by an API key, too, if it names the pool", async () => {
    const { control, organization } = fixture;
    const { secret } = await createApiKey(control, { name: "k8s", role: "reader", organizationId: organization.id });
    expect(await valueFor({ tokenFromEnv: "", token: secret, pool: "prod" })).toEqual(value(3));
  });

  test("from one look at the jobs of a pool a second, however many ask", async () => {
    const { control, clock } = fixture;
    await clock.advance(1_000);
    const original = control.store.read.bind(control.store);
    const read = vi.spyOn(control.store, "read");
    const looks = async () => {
      const counted = { looks: 0 };
      read.mockImplementation((ask) =>
        original((q) => {
          const demandOfPool: typeof q.jobs.demandOfPool = (id) => {
            counted.looks += 1;
            return q.jobs.demandOfPool(id);
          };
          return ask({ ...q, jobs: { ...q.jobs, demandOfPool } });
        }),
      );
      await Promise.all(Array.from({ length: 20 }, () => valueFor()));
      return counted.looks;
    };
    expect(await looks()).toBe(1);
    expect(await looks()).toBe(0);
    await clock.advance(1_000);
    expect(await looks()).toBe(1);
  });

  test("that nothing is left, as soon as it is so", async () => {
    const told = keda.download({ rpc: `${scaler}/StreamIsActive` }, reference())[Symbol.asyncIterator]();
    expect((await told.next()).value).toEqual({ result: true });
    await fixture.control.store.write(async (tx) => {
      for (const job of jobs) await tx.jobs.save({ ...job, status: "finished" });
    });
    const next = told.next();
    for (let isOver = false; !isOver; ) {
      await fixture.clock.advance(1_000);
      isOver = await Promise.race([next.then(() => true), fixture.control.store.read(async () => false)]);
    }
    expect((await next).value).toEqual({ result: false });
    await told.return?.(undefined);
    expect(await valueFor()).toEqual(value(0));
  });
});

describe("what is refused", () => {
  test.each([
    ["no token", { tokenFromEnv: "" }, status.UNAUTHENTICATED],
    ["a token that nobody made", { tokenFromEnv: `wdl_agt_${"A".repeat(43)}` }, status.UNAUTHENTICATED],
    ["another pool than the token's", { pool: "test" }, status.PERMISSION_DENIED],
    ["labels that are none", { labels: "zone=a b" }, status.INVALID_ARGUMENT],
    ["no whole number of jobs", { jobsPerAgent: "0.5" }, status.INVALID_ARGUMENT],
  ])("%s", async (_what, more, code) => {
    for (const method of ["IsActive", "GetMetricSpec"])
      await expect(ask(method, reference(more))).rejects.toMatchObject({ code });
    const stream = keda.download({ rpc: `${scaler}/StreamIsActive` }, reference(more));
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({ code });
  });
});
