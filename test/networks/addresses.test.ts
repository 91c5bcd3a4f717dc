import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ClockHand } from "../faults/clock-hand.ts";
import { type ProgramName, programPath, startProgram } from "../support/programs.ts";
import { Relay } from "../support/relay.ts";
import { useStage } from "../support/stage.ts";
import { expectApplied } from "./conditions.ts";
import { canHaveHosts, hostsFile, withHosts } from "./hosts.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage();

test("an address may be an IPv6 literal", async () => {
  const relay = await Relay.open(stage.server.url, "::1");
  stage.scene.defer(() => relay[Symbol.asyncDispose]());
  await expectApplied(await openTraveller(stage, { url: relay.url, env: {} }));
});

test.skipIf(!canHaveHosts)("of a name's two addresses the first may be dead", async () => {
  const { scene, server } = stage;
  const hosts = await hostsFile(scene.directory, "127.0.0.9 two.example.com", "127.0.0.1 two.example.com");
  const env = {
    WINDLASS_ADDRESS: `http://two.example.com:${new URL(server.url).port}`,
    WINDLASS_TOKEN_FILE: server.adminTokenFile,
    HOME: scene.directory,
  };
  const started = (program: ProgramName, ...args: readonly string[]) => {
    const one = startProgram({ name: program, ...withHosts(hosts, [programPath(program), ...args]), env });
    scene.defer(async () => one[Symbol.asyncDispose]());
    return one;
  };
  const client = started("windlass", "pool", "list");
  expect((await client.ended).code, client.stderr()).toBe(0);
  const tokenFile = join(scene.directory, "two.token");
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  const own = ["--token-file", tokenFile, "--data-dir", join(scene.directory, "two"), "--sandbox", "none"];
  await started("windlass-agent", ...own, "--no-engine-download", "--log-format", "json").says(/waiting for next job/);
});

test.each([600, -600])("an agent whose clock is %i s ahead works as any other", async (seconds) => {
  const clock = await ClockHand.at(join(stage.scene.directory, `clock${seconds}`));
  await clock.set(seconds * 1000);
  const way = { url: stage.server.url, env: {} };
  await expectApplied(await openTraveller(stage, way, { agentEnv: clock.environment }));
});
