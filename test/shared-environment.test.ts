import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Settings, settingVariables } from "../src/lib/settings.ts";
import { agentSettings } from "../src/settings/agent.ts";
import { clientSettings } from "../src/settings/client.ts";
import { serverSettings } from "../src/settings/server.ts";
import { openScene, type Scene } from "./support/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Every variable of the other two programs, with a value that is wrong for most of them: nobody else may look at it. */
function variablesOfOthers(own: Settings): Readonly<Record<string, string>> {
  const all = [serverSettings, agentSettings, clientSettings].flatMap(settingVariables);
  const mine = new Set(settingVariables(own));
  const others = all.filter((name) => !mine.has(name));
  expect(others.length).toBeGreaterThan(40);
  return Object.fromEntries(others.map((name) => [name, "of another program"]));
}

test("each program starts with every variable of the other two, and says nothing of them", async () => {
  const server = await scene.server({ env: variablesOfOthers(serverSettings) });
  const pool = await server.api.pool();
  const agent = await scene.agent(server, { pool, env: variablesOfOthers(agentSettings) });
  const client = scene.start("windlass", ["whoami", "-o", "name"], {
    ...variablesOfOthers(clientSettings),
    WINDLASS_ADDRESS: server.url,
    WINDLASS_TOKEN_FILE: server.adminTokenFile,
    WINDLASS_CONFIG: join(scene.directory, "config.yaml"),
  });
  expect(await client.ended, client.stderr()).toEqual({ code: 0, signal: null });
  expect(client.stderr()).toBe("");
  for (const { program } of [server, agent]) {
    expect(await program.stop("SIGTERM"), program.stderr()).toEqual({ code: 0, signal: null });
    expect(program.stdout() + program.stderr()).not.toMatch(/WINDLASS_|of another program/);
  }
});

test("the page of the settings names every variable and flag of the three programs", async () => {
  const page = await readFile(new URL("../docs/settings.md", import.meta.url), "utf8");
  const all = [serverSettings, agentSettings, clientSettings].flatMap((one: Settings) => Object.values(one));
  for (const { flag, env } of all) {
    if (flag !== undefined) expect(page).toContain(`\`--${flag}\``);
    if (env !== undefined) expect(page).toContain(`\`${env}\``);
  }
});
