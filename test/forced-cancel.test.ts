import { join } from "node:path";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { ClockHand } from "./faults/clock-hand.ts";
import { refusalOf } from "./support/api.ts";
import { fakeProviderArgs, uploadFake } from "./support/fake-workspaces.ts";
import { openScene } from "./support/scene.ts";
import { until } from "./support/until.ts";

const minutesMs = 60_000;
const server = (more: string) => `resource "fake_server" "web" {\n  name = "web"\n  ${more}\n}\n`;

test("an apply that is ended by force names what it was changing, with its id, and the next runs are warned", {
  timeout: 240_000,
}, async () => {
  await using scene = await openScene();
  const clock = await ClockHand.at(join(scene.directory, "clock"));
  const control = await scene.server({ env: clock.environment });
  const { api } = control;
  const pool = await api.pool();
  const agent = await scene.agent(control, { pool, args: await fakeProviderArgs(scene) });
  const workspace = await api.workspace({ agentPool: pool });
  await uploadFake(scene, control, { workspace, main: server("size = 1") });
  expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });

  await uploadFake(scene, control, { workspace, main: server('size = 2\n  fail = "hang"') });
  const id = await api.start(workspace, { autoApply: true });
  const says = (text: string) => async () => (await api.log(id, RunPhase.APPLY, false)).text.includes(text);
  await until("the change has begun", says("fake_server.web: Modifying..."), { deadlineMs: 60_000 });
  await api.clients.runs.cancelRun({ runId: id });
  await until("terraform was interrupted", says("Interrupt received"), { deadlineMs: 60_000 });
  const tooEarly = await refusalOf(api.clients.runs.cancelRun({ runId: id, force: true }));
  expect(tooEarly.reason).toBe("FORCE_TOO_EARLY");
  await clock.set(3 * minutesMs);
  await api.clients.runs.cancelRun({ runId: id, force: true });

  const run = await api.ended(id);
  expect(run).toMatchObject({ state: RunState.FORCE_CANCELED, resourcesInFlight: ["fake_server.web"] });
  const [inFlight] = run.inFlight;
  expect(inFlight).toMatchObject({ address: "fake_server.web", action: "update", idKey: "id" });
  const state = await api.state(workspace);
  expect(JSON.stringify(state)).toContain(`"id":"${inFlight?.id}"`);
  const told = await scene.cli(control, ["run", "get", id]);
  const [line = ""] = /^In flight when ended: .*$/m.exec(told.stdout) ?? [];
  expect(line.replaceAll(/ +/g, " ")).toBe(`In flight when ended: fake_server.web (changing, id=${inFlight?.id})`);
  expect((await api.getWorkspace(workspace)).lock).toBeUndefined();

  const warning = `the apply of ${id} was ended by force while fake_server.web [id=${inFlight?.id}] was being changed: it may differ from the state`;
  await uploadFake(scene, control, { workspace, main: server("size = 2") });
  const next = await api.planned(workspace);
  expect(next).toMatchObject({ state: RunState.PLANNED, warnings: [warning] });
  expect((await api.log(next.id, RunPhase.PLAN)).text).toContain(`Windlass: warning: ${warning}\n`);
  await api.confirm(next.id);
  expect(await api.ended(next.id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  expect((await api.planned(workspace)).warnings).toEqual([]);
  expect(agent.program.isRunning).toBe(true);
});
