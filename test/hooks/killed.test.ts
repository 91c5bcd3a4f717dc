/**
 * An agent is killed around the hooks of an apply, at each named point and at moments that are drawn: none of them, and no terraform,
 * runs twice. WINDLASS_HOOK_KILLS says how often in all.
 */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { LogState, RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import type { FailpointName } from "../../src/lib/program/failpoint.ts";
import type { Program } from "../support/programs.ts";
import { openScene, type Scene, type TestServer } from "../support/scene.ts";
import { Seeded } from "../support/seeded.ts";
import { until } from "../support/until.ts";

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 120_000 });

/** In the order in which they run; `apply` is terraform's. */
const order = ["pre-init.d/1", "terraform-pre-apply", "pre-apply.d/1", "apply", "post-apply.d/1", "job-exit.d/1"];
const hookNames = order.filter((name) => name !== "apply");
/** With `show`, which prints the plan for pre-apply.d. */
const stepCount = order.length + 1;

const ofSteps: readonly FailpointName[] = ["agent.step-noted", "agent.step-spawned", "agent.step-exited"];
const once: readonly FailpointName[] = [
  ...(["agent.exec-journaled", "agent.plan-files-placed", "agent.state-spooled", "agent.state-uploaded"] as const),
  ...(["agent.result-unwritten", "agent.result-written"] as const),
];
const points = [
  ...ofSteps.flatMap((name) => Array.from({ length: stepCount }, (_, index) => `${name}=die@${index + 1}`)),
  ...once.map((name) => `${name}=die`),
];
const kills = Math.max(points.length, Number(process.env.WINDLASS_HOOK_KILLS ?? 32));
/** The others die at a moment that is drawn. */
const deaths: readonly (string | undefined)[] = [
  ...points,
  ...Array.from({ length: kills - points.length }, () => undefined),
];

/** How one agent dies. */
interface Death {
  readonly what: string;
  /** Where; at a moment that is drawn if absent. */
  readonly death: string | undefined;
  readonly pauseMs: number;
}

const patience = { deadlineMs: 90_000, everyMs: 50 };

let scene: Scene;
let server: TestServer;
let counted: string;

beforeAll(async () => {
  scene = await openScene();
  counted = join(scene.directory, "counted");
  await writeFile(counted, "");
  server = await scene.server({ args: ["--heartbeat-interval", "300ms"] });
  for (const name of hookNames) await hook(name);
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(scene.report());
});
afterAll(() => scene[Symbol.asyncDispose]());

/** One that counts itself, says two lines with a moment between them, and has something for people. */
async function hook(name: string): Promise<void> {
  const path = join(scene.directory, "hooks", name);
  await mkdir(dirname(path), { recursive: true });
  const script = [
    "#!/bin/sh",
    'echo "RUN=$WINDLASS_RUN_ID" >> "$WINDLASS_ENV"',
    `echo "$WINDLASS_RUN_ID ${name}" >> ${counted}`,
    `echo "begin ${name}"; sleep 0.1; echo "end ${name}"; echo "did ${name}" > "$WINDLASS_SUMMARY"`,
  ];
  await writeFile(path, `${script.join("\n")}\n`);
  await chmod(path, 0o755);
}

const countsOf = async (run: string): Promise<readonly string[]> =>
  (await readFile(counted, "utf8")).split("\n").flatMap((line) => {
    const [of, name] = line.split(" ");
    return of === run && name !== undefined ? [name] : [];
  });

/** A pool of its own, whose plans are made by an agent that lives. */
interface Lane {
  readonly pool: string;
  startApplier(failpoints?: string): Program;
}

async function openLane(name: string): Promise<Lane> {
  const pool = await server.api.pool();
  await scene.agent(server, { pool, name: `planner-${name}`, args: ["--accept", "plan"] });
  const tokenFile = join(scene.directory, `token-${name}`);
  await writeFile(tokenFile, (await server.api.token(pool)).secret, { mode: 0o600 });
  const call = [
    ...["--address", server.url, "--token-file", tokenFile, "--name", `applier-${name}`, "--sandbox", "none"],
    ...["--data-dir", join(scene.directory, `applier-${name}`), "--accept", "apply", "--log-format", "json"],
    ...["--work-dir", join(scene.directory, `work-${name}`), "--hooks-dir", join(scene.directory, "hooks")],
    ...["--no-engine-download", "--min-free-disk", "1MiB", "--disk-reserve", "1MiB"],
  ];
  const startApplier = (failpoints?: string) => {
    const armed = failpoints === undefined ? {} : { WINDLASS_FAILPOINTS: failpoints, WINDLASS_FAILPOINTS_ENABLED: "1" };
    return scene.start("windlass-agent", call, armed);
  };
  return { pool, startApplier };
}

async function startRun({ pool }: Lane): Promise<string> {
  const folder = await scene.configuration("slow");
  await writeFile(
    join(folder, "main.tf"),
    `resource "terraform_data" "once" {
  provisioner "local-exec" {
    command = "echo \\"$RUN apply\\" >> ${counted}; echo begin apply; sleep 0.2; echo end apply"
  }
}
`,
  );
  const workspace = await server.api.workspace({ agentPool: pool });
  await server.api.upload(workspace, folder);
  return server.api.start(workspace, { autoApply: true });
}

/** What an apply that was killed has come to. */
async function settled(run: string) {
  const found = await server.api.ended(run);
  const { text } = await server.api.log(run, RunPhase.APPLY);
  return { found, text, counts: await countsOf(run) };
}

/** Kills an agent at one point, and answers what its apply has come to. */
async function playDeath(lane: Lane, { what, death, pauseMs }: Death): Promise<"applied" | "unknown"> {
  const doomed = lane.startApplier(death);
  await doomed.says(/waiting for (the )?next job/);
  const run = await startRun(lane);
  if (death === undefined) {
    await until(`${what}: it has begun`, async () => (await countsOf(run)).length > 0, patience);
    await pause(pauseMs);
    doomed.signal("SIGKILL");
  }
  await until(`${what}: it has died`, () => !doomed.isRunning, patience);
  const next = lane.startApplier();
  const { found, text, counts } = await settled(run);
  expect(new Set(counts).size, `${what}: ${counts}`).toBe(counts.length);
  expect(counts, what).toEqual(order.filter((name) => counts.includes(name)));
  expect(found.apply, what).toMatchObject({ epoch: 1n, logState: LogState.COMPLETE });
  const headings = [...text.matchAll(/^Executing (.+) hook\.\.\.$/gm)].map(([, name]) => name);
  expect(new Set(headings).size, what).toBe(headings.length);
  for (const name of counts)
    expect(text.split(`begin ${name}\n`).length, `${what}: the log has ${name} once\n${text}`).toBe(2);
  if (found.state === RunState.APPLIED) {
    expect(counts, what).toEqual(order);
    for (const name of counts) expect(text, what).toContain(`end ${name}\n`);
    expect(
      found.hooks.map(({ name, summary }) => [name, summary]),
      what,
    ).toEqual(hookNames.map((name) => [name, `did ${name}\n`]));
  } else {
    expect(found.errorMessage, what).toMatch(/the agent ended while it was starting it|ended without a status/);
  }
  await next.stop("SIGTERM");
  return found.state === RunState.APPLIED ? "applied" : "unknown";
}

test(`neither a hook nor terraform runs twice, whichever of ${deaths.length} points kills the agent between them`, async () => {
  const drawn = new Seeded(11);
  const waiting = deaths.map((death, index) => ({
    what: `${index}: ${death ?? "a drawn moment"}`,
    ...{ death, pauseMs: death === undefined ? drawn.between(0, 1_500) : 0 },
  }));
  const tally = { applied: 0, unknown: 0 };
  // An agent waits for most of its time: for its start, its hooks and the server.
  const play = async (name: string) => {
    const lane = await openLane(name);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      tally[await playDeath(lane, next)] += 1;
  };
  await Promise.all(["a", "b", "c"].map(play));
  // Only between the line that says so and the process nobody knows whether terraform has begun.
  expect(tally).toEqual({ applied: deaths.length - 1, unknown: 1 });
});
