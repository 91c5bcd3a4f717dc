import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectApplied, expectFollowedLive } from "./conditions.ts";
import { PacketLink, packets } from "./packet-link.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage({ args: ["--heartbeat-interval", "500ms"] });

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
});
