import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HeldInState, type Run, RunState, WaitingReason } from "../../src/gen/windlass/v1/run_pb.ts";
import { RunResolution } from "../../src/gen/windlass/v1/run_service_pb.ts";
import { sensitiveMark } from "../../src/terraform/redaction/redact.ts";
import { type CliAnswer, openScene, type Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { type FakePlan, secret } from "./fake-plan.ts";
import { expectPromisesKept, fakePlan, startFakeRun } from "./fake-runs.ts";
import type { FaultRun } from "./fault-run.ts";

/** Writes its state seldom, and in a first apply at first the last object alone. */
const seldom = (change: Partial<FakePlan> = {}) =>
  fakePlan({ applyLines: 10_000, every: 4, pace: 0.02, mode: "release", habit: "tofu", ...change });

const untilFinished = ({ engine }: Cluster, { id }: FaultRun, objects: number) =>
  until(`${objects} objects are made`, async () => (await engine.finished(id)).size >= objects, { deadlineMs: 60_000 });

/** The group in which the program of an apply runs. */
async function groupOf({ agents, api }: Cluster, { id }: FaultRun): Promise<number> {
  const { jobId = "", epoch = 0n } = (await api.run(id)).apply ?? {};
  const file = join(agents[0]?.dataDir ?? "", "jobs", `${jobId}-${epoch}`, "steps", "apply", "wrapper");
  return Number.parseInt(await readFile(file, "utf8"), 10);
}

test.concurrent.each(["the program alone", "agent and program"])(
  "kill -9 of %s: what was made and is in no state is listed, and the workspace waits for somebody",
  async (victims) => {
    await using scene = await openScene();
    await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
    const { api, agents, engine } = cluster;
    const first = await startFakeRun(cluster, seldom());
    await untilFinished(cluster, first, 6);
    const group = await groupOf(cluster, first);
    if (victims !== "the program alone") agents[0]?.member.end("SIGKILL");
    process.kill(-group, "SIGKILL");

    const run = await api.runWhen(
      first.id,
      "is judged",
      ({ state, lostCount }: Run) => state === RunState.ERRORED && lostCount > 0,
      { deadlineMs: 60_000 },
    );
    const finished = await engine.finished(first.id);
    const state = JSON.stringify(await api.state(first.workspace));
    const missing = [...finished].filter(([, id]) => !state.includes(`"${id}"`));
    expect(missing.length).toBeGreaterThan(0);
    expect(run.lost.map(({ address, id }) => [address, id])).toEqual(missing);
    expect(run.lost[0]).toMatchObject({ action: "create", idKey: "id", note: expect.stringContaining("import it") });
    expect(run.waiting?.reason).toBe(WaitingReason.RESOLUTION);

    const second = await api.start(first.workspace);
    const waiting = await api.run(second);
    expect(waiting).toMatchObject({ state: RunState.PENDING, waiting: { blockingRunId: first.id } });
    expect(waiting.waiting?.detail).toContain(`windlass run lost ${first.id}`);
    await api.clients.runs.cancelRun({ runId: second });
    await api.clients.runs.resolveRun({ runId: first.id, resolution: RunResolution.UNLOCK });
    expect((await api.getWorkspace(first.workspace)).lock).toBeUndefined();
  },
  240_000,
);

interface KilledRun {
  readonly cluster: Cluster;
  readonly run: Run;
  readonly windlass: (...args: readonly string[]) => Promise<CliAnswer>;
}

/** An apply whose program is killed after six objects, once it is judged. */
async function killedRun(scene: Scene, cluster: Cluster, plan: FakePlan): Promise<KilledRun> {
  const first = await startFakeRun(cluster, plan);
  await untilFinished(cluster, first, 6);
  process.kill(-(await groupOf(cluster, first)), "SIGKILL");
  const run = await cluster.api.runWhen(first.id, "is judged", ({ lostCount }: Run) => lostCount > 0, {
    deadlineMs: 60_000,
  });
  const { url, serverDataDir } = cluster;
  const server = { url, adminTokenFile: join(serverDataDir, "admin-token") };
  return { cluster, run, windlass: (...args) => scene.cli(server, args) };
}

/** The workspace waits for somebody, and is free once that has decided. */
async function expectDecides({ cluster: { api }, run, windlass }: KilledRun): Promise<void> {
  expect((await windlass("run", "list", "--needs-decision", "-o", "name")).stdout).toBe(`run/${run.id}\n`);
  await windlass("run", "resolve", run.id, "unlock", "--yes");
  expect((await windlass("run", "list", "--needs-decision", "-o", "name")).stdout).toBe("");
  expect((await api.getWorkspace(run.workspace)).lock).toBeUndefined();
}

test.concurrent("of what may be in an encrypted state all is listed, and it is said that nobody can tell", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const killed = await killedRun(scene, cluster, seldom({ encrypts: true }));
  const { run, windlass } = killed;
  expect(run.errorMessage).toContain("may be in no state, because the last state cannot be read");
  const finished = [...(await cluster.engine.finished(run.id))];
  expect(run.lost.map(({ address, id }) => [address, id])).toEqual(finished);
  expect(run.lost.every(({ held }) => held === HeldInState.UNKNOWN)).toBe(true);
  const [address = "", id = ""] = finished[0] ?? [];

  expect((await windlass("run", "get", run.id)).stdout).toMatch(/^Finished, perhaps not in the state: +fake\.r\[0\] /m);
  const table = await windlass("run", "lost", run.id, "-o", "wide");
  expect(table.stdout).toMatch(/^fake\.r\[0\] .* unknown +the last state cannot be read: look whether it has it$/m);
  const { stdout: hcl } = await windlass("run", "lost", run.id, "-o", "hcl");
  expect(hcl).toContain(
    `# The last state cannot be read: if it has this, the import is passed over.\nimport {\n  to = ${address}\n  id = "${id}"\n}`,
  );
  await expectDecides(killed);
}, 240_000);

test.concurrent("ids that are secrets are told nowhere: every place says that one is hidden", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const killed = await killedRun(scene, cluster, seldom({ hasSecretIds: true }));
  const { run, windlass } = killed;
  const state = JSON.stringify(await cluster.api.state(run.workspace));
  const missing = [...(await cluster.engine.finished(run.id)).keys()].filter(
    (_address, index) => !state.includes(`"index_key":${index},`),
  );
  expect(run.lost.map(({ address }) => address)).toEqual(missing);
  for (const one of run.lost) expect(one).toMatchObject({ id: sensitiveMark, hidden: true, held: HeldInState.ABSENT });

  const answers = ["table", "wide", "json", "hcl"].map((format) => windlass("run", "lost", run.id, "-o", format));
  const shown = await Promise.all([...answers, windlass("run", "get", run.id), windlass("run", "resolve", run.id)]);
  for (const { stdout, stderr } of shown) expect(stdout + stderr).not.toContain(secret);
  expect((await windlass("run", "lost", run.id, "-o", "hcl")).stdout).toContain(
    `# ${missing[0]}: a secret in its address or id is not shown: fill it in.\n# import {\n#   to = ${missing[0]}\n#   id = "…"\n# }`,
  );
  await expectDecides(killed);
}, 240_000);

test.concurrent("one that is canceled loses nothing, and needs nobody", async () => {
  await using scene = await openScene();
  await using cluster = await openCluster(scene, { agents: 1, concurrency: 2 });
  const run = await startFakeRun(cluster, { ...seldom(), mode: "obey" });
  await untilFinished(cluster, run, 6);
  await cluster.api.clients.runs.cancelRun({ runId: run.id });
  await expectPromisesKept(cluster, [{ ...run, cancelMs: 0 }]);
  expect(await cluster.api.run(run.id)).toMatchObject({ state: RunState.CANCELED, lostCount: 0 });
}, 240_000);
