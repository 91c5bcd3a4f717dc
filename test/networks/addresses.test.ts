import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ClockHand } from "../faults/clock-hand.ts";
import { type ProgramName, programPath, startProgram } from "../support/programs.ts";
import { Relay } from "../support/relay.ts";
import { useStage } from "../support/stage.ts";
import { expectApplied } from "./conditions.ts";
import { isRoot } from "./front.ts";
import { mended } from "./mended.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage();

/** A mount namespace, in which `/etc/hosts` is another file. */
const apart = { command: "unshare", args: ["--mount", ...(isRoot ? [] : ["--user", "--map-root-user"])] };
const canUnshare = spawnSync(apart.command, [...apart.args, "true"]).status === 0;
if (!canUnshare) console.warn("SKIPPED: a name with two addresses, because this user may not have another /etc/hosts");

test.skipIf(!mended.ipv6)("an address may be an IPv6 literal", async () => {
  const relay = await Relay.open(stage.server.url, "::1");
  stage.scene.defer(() => relay[Symbol.asyncDispose]());
  await expectApplied(await openTraveller(stage, { url: relay.url, env: {} }));
});

test.skipIf(!canUnshare)("of a name's two addresses the first may be dead", async () => {
  const { scene, server } = stage;
  const hosts = join(scene.directory, "hosts");
  await writeFile(hosts, "127.0.0.9 two.example.com\n127.0.0.1 two.example.com\n");
  const env = {
    WINDLASS_ADDRESS: `http://two.example.com:${new URL(server.url).port}`,
    WINDLASS_TOKEN_FILE: server.adminTokenFile,
    HOME: scene.directory,
  };
  const inIt = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
  const started = (program: ProgramName, ...args: readonly string[]) => {
    const call = [...apart.args, "sh", "-c", inIt, "sh", hosts, programPath(program), ...args];
    const one = startProgram({ name: program, command: apart.command, args: call, env });
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
