import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import { Relay } from "../support/relay.ts";
import { Seeded } from "../support/seeded.ts";
import { useStage } from "../support/stage.ts";
import {
  expectApplied,
  expectCanceled,
  expectFollowedLive,
  expectIdle,
  expectLargeLog,
  expectStateThereAndBack,
} from "./conditions.ts";
import { openTraveller, type TravelOptions } from "./traveller.ts";

// Silence is noticed in seconds here; what follows from it takes as long as in life.
const quick = ["--heartbeat-interval", "500ms", "--agent-unknown-after", "3s"];
const stage = useStage({ args: [...quick, "--offer-lease", "8s"] });

/** An agent behind a relay; its client reaches the server without it, unless told otherwise. */
async function openLinked(options: TravelOptions = {}) {
  const { scene, server } = stage;
  const relay = await Relay.open(server.url);
  scene.defer(() => relay[Symbol.asyncDispose]());
  const clientWay = { url: server.url, env: {} };
  const traveller = await openTraveller(stage, { url: relay.url, env: {} }, { clientWay, ...options });
  return { relay, traveller };
}

test.concurrent("at 300 ms of round trip lines come as they are printed, and a cancel arrives within 5 s", async () => {
  const { relay, traveller } = await openLinked();
  relay.shapeBoth({ kind: "delay", ms: 150 });
  await expectFollowedLive(traveller, async () => relay.cut());
  await expectCanceled(traveller);
});

test("at 300 ms of round trip a client pulls 20 MB within 20 s", async () => {
  const { scene, server } = stage;
  const relay = await Relay.open(server.url);
  scene.defer(() => relay[Symbol.asyncDispose]());
  relay.shapeBoth({ kind: "delay", ms: 150 });
  const { traveller } = await openLinked({ clientWay: { url: relay.url, env: {} } });
  const { pullMs } = await expectStateThereAndBack(traveller);
  expect(pullMs).toBeLessThan(20_000);
});

/** 250 kbit/s. */
const slow = { kind: "throttle", bytesPerSecond: 31_250 } as const;

test.concurrent("at 250 kbit/s a small configuration is planned and applied, and its lines come as they are printed", async () => {
  const { relay, traveller } = await openLinked();
  relay.shapeBoth(slow);
  await expectFollowedLive(traveller);
});

test("a configuration that needs longer than an offer's lease arrives, and is fetched once", {
  concurrent: true,
}, async () => {
  const { relay, traveller } = await openLinked();
  relay.shapeBoth(slow);
  await expectApplied(traveller, {}, async ({ directory }) => {
    await writeFile(join(directory, "large.bin"), randomBytes(600_000));
  });
});

test.concurrent("a link that is down is seen as an unknown agent; then everything is there, applied once", async () => {
  const { relay, traveller } = await openLinked();
  const { server, agent } = traveller;
  await expectFollowedLive(traveller, async () => {
    relay.shapeBoth({ kind: "stall" });
    await server.api.agentWhen(agent.name, AgentStatus.UNKNOWN, { deadlineMs: 30_000 });
    relay.heal();
  });
  await expectIdle(traveller);
});

test.concurrent("a connection that is forgotten on the way is replaced, and nothing is lost or done twice", async () => {
  const { relay, traveller } = await openLinked();
  await expectFollowedLive(traveller, async () => relay.forget());
});

test.concurrent("connections that are cut after 2 s each, or somewhere in 1 MB, bring every line once", async () => {
  const { relay, traveller } = await openLinked();
  await expectFollowedLive(traveller, async () => {
    relay.cutEach({ kind: "time", ms: 2_000 });
    await pause(6_000);
    relay.cutEach({ kind: "random", random: new Seeded(7), maxBytes: 1_000_000 });
  });
  await expectLargeLog(traveller);
});
