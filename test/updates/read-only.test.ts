/** What an agent on a medium that it cannot write to makes of a wish. */
import { chmod, mkdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { AgentUpdateState } from "../../src/gen/windlass/v1/agent_pb.ts";
import { describeWithSandbox } from "../support/agent/sandbox-here.ts";
import { freshName } from "../support/api.ts";
import { openScene, type Scene, type TestServer } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { slotsOf, Versions } from "./versions.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const patience = { deadlineMs: 90_000, everyMs: 200 };

describeWithSandbox("an agent on a read-only medium", () => {
  let scene: Scene;
  let server: TestServer;
  let launcher: string;

  beforeAll(async () => {
    scene = await openScene();
    const versions = await Versions.make(scene.directory);
    await versions.publish("1.0.1");
    launcher = await versions.install("1.0.0");
    server = await scene.server({ args: ["--heartbeat-interval", "300ms", "--agent-releases", versions.directory] });
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.error(scene.report());
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** An agent of the installed version, for which these places are mounted read-only, whoever it is. */
  async function agentWith(readOnly: (dataDir: string) => readonly string[]) {
    const pool = await server.api.pool();
    const name = freshName("agent");
    const dataDir = join(scene.directory, name);
    await mkdir(join(dataDir, "versions"), { recursive: true, mode: 0o700 });
    await chmod(dataDir, 0o700);
    const mounts = readOnly(dataDir).flatMap((path) => ["--ro-bind", path, path]);
    const agent = await scene.agent(server, {
      ...{ pool, name, dataDir, args: ["--update-trial", "6s"] },
      within: ([, ...args]) => ({
        command: "bwrap",
        args: ["--die-with-parent", "--dev-bind", "/", "/", ...mounts, "--", launcher, ...args],
      }),
    });
    const wish = ["pool", "update", pool, "--mode", "patch", "--to", "1.0.1"];
    const { code, stderr } = await scene.cli(server, wish);
    expect(code, stderr).toBe(0);
    const told = async () => (await server.api.clients.agents.listAgents({ agentPool: pool })).agents[0];
    return { agent, dataDir, told };
  }

  test("updates itself where only the installation is: versions are in the data directory", async () => {
    const { dataDir, told } = await agentWith(() => [join(scene.directory, "installed-1.0.0")]);
    const isNew = async () => {
      const found = await told();
      return found?.version === "1.0.1" && found.update?.state === AgentUpdateState.CONFIRMED;
    };
    await until("the new version has proved itself", isNew, { ...patience, seen: told });
    expect(await readlink(join(dataDir, "versions/current"))).toBe("1.0.1");
  });

  test("goes on as it is where versions cannot be written, and says so to server and log", async () => {
    const { agent, dataDir, told } = await agentWith((directory) => [join(directory, "versions")]);
    const refused = async () => {
      const { update } = (await told()) ?? {};
      return update?.state === AgentUpdateState.REFUSED ? update : undefined;
    };
    const update = await until("it refuses", refused, { ...patience, seen: told });
    expect(update).toMatchObject({ targetVersion: "1.0.1" });
    expect(update.detail).toMatch(/versions cannot be written: /);
    expect(agent.program.stderr()).toContain("Newer core versions are available, but are ignored");
    expect(await slotsOf(dataDir)).toEqual([]);
    expect((await told())?.version).toBe("1.0.0");
    expect(agent.program.isRunning).toBe(true);
  });
});
