import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import { type Run, RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { type FakePlan, printed } from "../faults/fake-plan.ts";
import { fakePlan } from "../faults/fake-runs.ts";
import type { Program } from "../support/programs.ts";
import { until } from "../support/until.ts";
import type { Traveller, TravelPlace } from "./traveller.ts";

const mib = 1024 * 1024;

export async function expectIdle({ server, agent }: Traveller): Promise<void> {
  await server.api.agentWhen(agent.name, AgentStatus.IDLE);
}

/** A run that a client has started on the way and follows. */
interface Followed {
  readonly id: string;
  readonly program: Program;
}

async function follow({ server, startCli }: Traveller, { workspace, directory }: TravelPlace): Promise<Followed> {
  const program = startCli("run", "start", workspace, "--dir", directory, "--auto-apply");
  const find = async () => {
    if (!program.isRunning) throw new Error(`run start has ended: ${program.stderr()}${program.stdout()}`);
    return (await server.api.clients.runs.listRuns({ workspace })).runs[0]?.id;
  };
  return { id: await until("the run is there", find, { deadlineMs: 60_000 }), program };
}

/** The numbers of the lines of an apply that a client has shown so far, in their order. */
const shown = ({ program }: Followed): readonly number[] =>
  [...program.stdout().matchAll(/ apply line (\d+) /g)].map(([, number]) => Number(number));

const untilShown = (followed: Followed, line: number, deadlineMs = 60_000): Promise<boolean> =>
  until(`line ${line} is shown`, () => shown(followed).length >= line, {
    deadlineMs,
    seen: () => followed.program.stderr() + followed.program.stdout().slice(-2000),
  });

/** How long a client shows nothing of a run that prints a line each 100 ms, at most, until it has shown so many more. */
async function longestGap(followed: Followed, lines: number): Promise<number> {
  const last = shown(followed).length + lines;
  let gapMs = 0;
  for (let before = performance.now(); shown(followed).length < last; ) {
    await untilShown(followed, shown(followed).length + 1);
    gapMs = Math.max(gapMs, performance.now() - before);
    before = performance.now();
  }
  return gapMs;
}

/** The run is applied, once; the server and the client have its log to the byte and the line. */
async function expectWhole({ server, engine }: Traveller, followed: Followed, plan: FakePlan): Promise<void> {
  const { id, program } = followed;
  const { code } = await program.ended;
  expect({ code, said: code === 0 ? "" : program.stderr() }).toEqual({ code: 0, said: "" });
  const [ending] = await engine.endings(id, "apply");
  expect(await engine.executions(id, "apply")).toHaveLength(1);
  const all = printed(plan, id, { verb: "apply", lines: ending?.lines ?? 0 });
  const log = await server.api.log(id, RunPhase.APPLY);
  expect(log.missingBytes).toBe(0);
  expect(log.text.includes(all), "the log on the server has what was printed, to the byte").toBe(true);
  expect(shown(followed)).toEqual(Array.from({ length: ending?.lines ?? 0 }, (_, index) => index + 1));
  const last = (await engine.states(id)).at(-1);
  const { currentStateVersionId } = await server.api.getWorkspace((await server.api.run(id)).workspace);
  const kept = (await server.api.stateVersions((await server.api.run(id)).workspace)).find(
    (version) => version.id === currentStateVersionId,
  );
  expect(kept?.sha256).toBe(last?.sha256);
}

/** Lines appear as they are printed; what `disturb` does in the middle costs neither a line nor a second apply. */
export async function expectFollowedLive(
  traveller: Traveller,
  disturb?: () => Promise<void>,
  { maxGapMs = 4_000, ...change }: Partial<FakePlan> & { readonly maxGapMs?: number } = {},
): Promise<void> {
  const plan = fakePlan({ planLines: 3, applyLines: 100_000, every: 20, pace: 0.1, mode: "release", ...change });
  const followed = await follow(traveller, await traveller.place(plan));
  await untilShown(followed, 3);
  expect(await longestGap(followed, 15)).toBeLessThan(maxGapMs);
  if (disturb !== undefined) {
    await disturb();
    await untilShown(followed, shown(followed).length + 10);
  }
  await traveller.engine.release();
  await expectWhole(traveller, followed, plan);
}

/** A run from its start to its end; answers what there is of it. */
export async function expectApplied(
  traveller: Traveller,
  change: Partial<FakePlan> = {},
  prepare?: (place: TravelPlace) => Promise<void>,
): Promise<Run> {
  const plan = fakePlan({ planLines: 3, applyLines: 20, ...change });
  const place = await traveller.place(plan);
  await prepare?.(place);
  const followed = await follow(traveller, place);
  await expectWhole(traveller, followed, plan);
  return traveller.server.api.run(followed.id);
}

const large: Partial<FakePlan> = { applyLines: 4000, every: 2000, pace: 0, wide: 440 };

/** A log of 3.6 MB arrives whole. */
export async function expectLargeLog(traveller: Traveller): Promise<void> {
  const run = await expectApplied(traveller, large);
  expect(Number(run.apply?.logBytes)).toBeGreaterThan(3.5 * mib);
}

/** A configuration of 30 MB, a plan and a state of more than 1 MiB, and a log of 3.6 MB arrive whole. */
export async function expectLargeThings(traveller: Traveller): Promise<void> {
  const run = await expectApplied(traveller, { ...large, planKib: 1500, stateKib: 1500 }, ({ directory }) =>
    writeFile(join(directory, "large.bin"), randomBytes(30 * mib)),
  );
  expect(Number(run.apply?.logBytes)).toBeGreaterThan(3.5 * mib);
}

/** A state of 20 MB is pushed by a client, and pulled to the byte. */
export async function expectStateThereAndBack({ server, scene, cli }: Traveller): Promise<{ readonly pullMs: number }> {
  const workspace = await server.api.workspace();
  const file = join(scene.directory, `${workspace}.tfstate`);
  const note = randomBytes(10 * mib).toString("hex");
  const state = { version: 4, terraform_version: "1.11.4", serial: 1, lineage: workspace, resources: [], note };
  await writeFile(file, JSON.stringify(state));
  const pushed = await cli("state", "push", file, "-w", workspace);
  expect(pushed).toMatchObject({ code: 0 });
  const startedMs = performance.now();
  const pulled = await cli("state", "pull", workspace);
  expect(pulled.code).toBe(0);
  const digest = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
  const pullMs = performance.now() - startedMs;
  expect(digest(pulled.stdout)).toBe(digest(await readFile(file)));
  return { pullMs };
}

const cancelMs = 5_000;

/** An apply that prints nothing for a while stays with its agent, and a cancel reaches it at once, or soon after what is done around it. */
export async function expectCanceled(
  traveller: Traveller,
  quietMs = 0,
  around?: (cancel: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { engine, server, cli } = traveller;
  const plan = fakePlan({ planLines: 3, applyLines: 6, every: 2, pace: 0.1, mode: "hang" });
  const followed = await follow(traveller, await traveller.place(plan));
  await untilShown(followed, 3);
  await pause(quietMs);
  const cancel = () => expect(cli("run", "cancel", followed.id)).resolves.toMatchObject({ code: 0 });
  await (around === undefined ? cancel() : around(cancel));
  const isAsked = async () => (await engine.signals(followed.id, "apply")).length > 0;
  await until("terraform is interrupted", isAsked, { deadlineMs: around === undefined ? cancelMs : 30_000 });
  await server.api.runIn(followed.id, RunState.CANCELED);
  expect(await engine.signals(followed.id, "apply")).toEqual(["INT"]);
  expect((await followed.program.ended).code).toBe(6);
}
