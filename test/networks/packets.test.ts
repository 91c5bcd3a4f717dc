import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectApplied, expectCanceled, expectFollowedLive } from "./conditions.ts";
import { PacketLink, packets, serverAddresses } from "./packet-link.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage();

packets.describe("over a link that carries packets", () => {
  test("of which 5 % are lost and 2 % overtake the others, at 300 ms, an apply is followed, whole and done once", async () => {
    const link = await PacketLink.open(stage.scene, stage.server.url);
    const clientWay = { url: stage.server.url, env: {} };
    const traveller = await openTraveller(stage, link.way(), { clientWay });
    await link.set({ delayMs: 150, loss: 0.05, reordered: 0.02 });
    await expectFollowedLive(traveller, undefined, { maxGapMs: 20_000 });
    await expectApplied(traveller, { applyLines: 1000, every: 500, pace: 0, wide: 200 });
    const counts = await link.set({});
    expect(counts.lost).toBeGreaterThan(20);
    expect(counts.reordered).toBeGreaterThan(10);
  });

  test("that is down for some seconds it stays the same session, and a cancel given meanwhile arrives", async () => {
    const link = await PacketLink.open(stage.scene, stage.server.url);
    const traveller = await openTraveller(stage, link.way(), { clientWay: { url: stage.server.url, env: {} } });
    await expectCanceled(traveller, 0, async (cancel) => {
      await link.set({ dead: serverAddresses });
      await cancel();
      await pause(4_000);
      await link.set({ dead: [] });
    });
    const { program } = traveller.agent;
    expect((program.stdout() + program.stderr()).match(/registered successfully/g)).toHaveLength(1);
  });
});
