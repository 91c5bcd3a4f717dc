import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { bareTerraform, normalized } from "./support/engine.ts";
import { useStage } from "./support/stage.ts";

describe("large runs", () => {
  const stage = useStage();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool });
  });

  test("a hundred resources", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("fanout"));
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, plannedChanges: { add: 100 }, appliedChanges: { add: 100 } });
    expect((await api.outputs(workspace))["total"]).toBe(100);
    expect((await api.state(workspace)).resources[0]?.instances).toHaveLength(100);
    const { text } = await api.log(run.id, RunPhase.APPLY);
    expect(text.match(/: Creation complete after/g)).toHaveLength(100);
  });

  test("a hundred thousand lines of log are those that terraform prints, byte for byte", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("noisy");
    await api.upload(workspace, directory);
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, apply: { logComplete: true } });
    const { bytes, text, missingBytes } = await api.log(run.id, RunPhase.APPLY);
    expect(missingBytes).toBe(0);
    expect(bytes.length).toBe(Number(run.apply?.logBytes));

    await bareTerraform(directory, ["plan", "-no-color", `-out=${join(directory, "plan")}`]);
    const printed = await bareTerraform(directory, ["apply", "-no-color", join(directory, "plan")]);
    const isNoise = (line: string) => line.includes(" (local-exec): line ");
    const [ours, theirs] = [text.split("\n").filter(isNoise), printed.split("\n").filter(isNoise)];
    expect(theirs).toHaveLength(100_000);
    const first = theirs.findIndex((line, index) => line !== ours[index]);
    expect(first, `line ${first}: ${ours[first]} instead of ${theirs[first]}`).toBe(-1);
    expect(ours).toHaveLength(theirs.length);
    const [heading, ...rest] = text.split("\n");
    expect(heading).toMatch(/^Windlass: apply of run /);
    const [whole, expected] = [normalized(rest.join("\n")).trim(), normalized(printed).trim()];
    expect(whole === expected, `${whole.slice(0, 500)}…\n…${whole.slice(-300)}\ninstead of\n${expected.slice(0, 500)}…\n…${expected.slice(-300)}`).toBe(true);
  });
});
