import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { bareTerraform, normalized, type RecordingEngine, recordingEngine } from "./support/engine.ts";
import { useStage } from "./support/stage.ts";

describe("large runs", () => {
  const stage = useStage();
  let pool = "";
  let engine: RecordingEngine;

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    engine = await recordingEngine(stage.scene.directory);
    await stage.scene.agent(stage.server, { pool, args: engine.args });
  });

  test("a hundred thousand lines of log are those that terraform prints, byte for byte", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("noisy");
    const before = (await engine.events()).length;
    await api.upload(workspace, directory);
    const id = await api.start(workspace, { autoApply: true });
    const run = await api.ended(id, { deadlineMs: 180_000 });
    expect(run).toMatchObject({ state: RunState.APPLIED, apply: { logComplete: true } });
    const { bytes, text, missingBytes } = await api.log(run.id, RunPhase.APPLY);
    expect(missingBytes).toBe(0);
    expect(bytes.length).toBe(Number(run.apply?.logBytes));

    // Terraform cuts a line in two when the shell pauses in the middle of it, so each run has its own lines.
    const printed = (await engine.events()).slice(before).filter(({ type }) => type === "provision_progress");
    expect(printed.length).toBeGreaterThan(100_000);
    expectSameLines(
      text.split("\n").filter(isOfShell),
      printed.map(({ hook }) => `terraform_data.noise (local-exec): ${hook?.output}`),
    );

    await bareTerraform(directory, ["plan", "-no-color", `-out=${join(directory, "plan")}`]);
    const bare = await bareTerraform(directory, ["apply", "-no-color", join(directory, "plan")]);
    const [heading, ...rest] = text.split("\n");
    expect(heading).toMatch(/^Windlass: apply of run run_\w+, agent .+, terraform 1\./);
    expect(isSame(payload(text), payload(bare))).toBe(true);
    const around = (log: string) =>
      normalized(
        log
          .split("\n")
          .filter((line) => !isOfShell(line))
          .join("\n"),
      );
    expect(around(rest.join("\n"))).toBe(around(bare));
  });

  test("a hundred resources", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("fanout"));
    const run = await api.applied(workspace);
    expect(run).toMatchObject({ state: RunState.APPLIED, plannedChanges: { add: 100 }, appliedChanges: { add: 100 } });
    expect((await api.outputs(workspace)).total).toBe(100);
    expect((await api.state(workspace)).resources[0]?.instances).toHaveLength(100);
    const { text } = await api.log(run.id, RunPhase.APPLY);
    expect(text.match(/: Creation complete after/g)).toHaveLength(100);
  });
});

const isOfShell = (line: string): boolean => line.includes(" (local-exec): ");

/** What the shell wrote, however terraform cut it into lines; where it cuts before or behind a space it drops the space. */
const payload = (log: string): string =>
  log
    .split("\n")
    .filter(isOfShell)
    .map((line) => line.slice(line.indexOf(" (local-exec): ") + " (local-exec): ".length))
    .join("")
    .replaceAll(" ", "");

/** As `===`: a difference of megabytes is not worth printing. */
const isSame = (one: string, other: string): boolean => one === other;

function expectSameLines(ours: readonly string[], theirs: readonly string[]): void {
  const first = theirs.findIndex((line, index) => line !== ours[index]);
  expect(first, `line ${first} is ${JSON.stringify(ours[first])} instead of ${JSON.stringify(theirs[first])}`).toBe(-1);
  expect(ours).toHaveLength(theirs.length);
}
