import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { NarrowRelay, type NarrowRelayOptions } from "./support/narrow-relay.ts";
import type { TestAgent } from "./support/scene.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const mib = 1024 * 1024;

describe("a slow or broken link", () => {
  const stage = useStage({ args: ["--heartbeat-interval", "1s", "--offer-lease", "8s"] });

  /** An agent behind a wire of its own, and a workspace for it alone. */
  async function behind(options: NarrowRelayOptions) {
    const { scene, server } = stage;
    const relay = await NarrowRelay.open(server.url, options);
    scene.defer(() => relay[Symbol.asyncDispose]());
    const pool = await server.api.pool();
    const workspace = await server.api.workspace({ agentPool: pool });
    const agent: TestAgent = await scene.agent({ ...server, url: relay.url }, { pool });
    return { relay, workspace, agent };
  }

  /** A configuration with so many bytes that no compression makes smaller. */
  async function upload(workspace: string, main: string, bytes: number): Promise<void> {
    const { scene, server } = stage;
    const directory = await scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), main);
    await writeFile(join(directory, "weight.bin"), randomBytes(bytes));
    await server.api.upload(workspace, directory);
  }

  test("a configuration that takes longer than an offer lasts arrives at the first offer, says how far it is, and is fetched once", async () => {
    const { api } = stage.server;
    const { relay, workspace } = await behind({ bytesPerSecond: 250_000 });
    await upload(workspace, 'output "a" { value = 1 }\n', 4 * mib);
    const before = relay.passed.down;
    const runId = await api.start(workspace, { autoApply: true });
    const details = new Set<string>();
    const run = await api.runWhen(
      runId,
      "is applied",
      ({ state, waiting }) => {
        if (waiting?.reason === WaitingReason.AGENT_PREPARING) details.add(waiting.detail);
        return state === RunState.APPLIED;
      },
      { deadlineMs: 120_000 },
    );
    expect([...details].join("\n")).toMatch(
      /prepares the job: it downloads from the server \(\d.* of 4\.2 MB, 0\.\d+ MB\/s\)/,
    );
    expect(run.plan?.epoch).toBe(1n);
    expect(relay.passed.down - before).toBeLessThan(5 * mib);
  });

  test("an agent that is killed in the middle of a download goes on where it was", async () => {
    const { api } = stage.server;
    const { relay, workspace, agent } = await behind({ bytesPerSecond: 400_000 });
    await upload(workspace, 'output "a" { value = 1 }\n', 4 * mib);
    const before = relay.passed.down;
    const runId = await api.start(workspace, { autoApply: true });
    for (const part of [1, 2]) {
      await until("a part of it has come", () => relay.passed.down - before > part * mib, { deadlineMs: 60_000 });
      await agent.stop("SIGKILL");
      await agent.start();
    }
    await api.runIn(runId, RunState.APPLIED, { deadlineMs: 120_000 });
    expect(relay.passed.down - before).toBeLessThan(6 * mib);
  });

  test("plans and states come through a wire that breaks after each 768 KiB", async () => {
    const { api } = stage.server;
    const { relay, workspace } = await behind({});
    const large =
      'output "a" {\n  value = join("", [for a in range(250) : join("", [for b in range(240) : sha256(tostring(a * 1000 + b))])])\n}\n';
    await upload(workspace, large, 1);
    relay.cutAfterSent = 768 * 1024;
    const runId = await api.start(workspace, { autoApply: true });
    await api.runIn(runId, RunState.APPLIED, { deadlineMs: 120_000 });
    expect(relay.cuts).toBeGreaterThan(3);
    expect(JSON.stringify(await api.state(workspace)).length).toBeGreaterThan(60_000 * 64);
    expect(relay.passed.up).toBeLessThan(40 * mib);
  });

  test("the command line client uploads a configuration and a state through the same wire", async () => {
    const { scene, server } = stage;
    const { relay, workspace } = await behind({ cutAfterSent: 768 * 1024 });
    const { server: direct } = stage;
    const directory = await scene.configuration("hello");
    await writeFile(join(directory, "weight.bin"), randomBytes(4 * mib));
    const wire = { ...server, url: relay.url };
    const started = await scene.cli(wire, ["run", "start", workspace, "--dir", directory, "--plan-only", "--detach"]);
    expect(started).toMatchObject({ code: 0 });
    const state = { version: 4, terraform_version: "1.9.0", serial: 7, lineage: "l", outputs: {}, resources: [] };
    const file = join(scene.directory, "large.tfstate");
    await writeFile(file, JSON.stringify({ ...state, note: randomBytes(2 * mib).toString("hex") }));
    const empty = await direct.api.workspace();
    const pushed = await scene.cli(wire, ["state", "push", file, "-w", empty]);
    expect(pushed).toMatchObject({ code: 0 });
    expect(await direct.api.state(empty)).toMatchObject({ serial: 7 });
    expect(relay.cuts).toBeGreaterThan(5);
  });
});
