import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectFollowedLive } from "./conditions.ts";
import { expectEverybodySays } from "./hops.ts";
import { PacketLink, packets, resolverAddress, serverAddresses } from "./packet-link.ts";
import { openTraveller } from "./traveller.ts";

const name = "tf.example.com";
const stage = useStage({ args: ["--heartbeat-interval", "500ms"] });

const open = async () => {
  const link = await PacketLink.open(stage.scene, stage.server.url);
  return { link, way: link.way(name) };
};

packets.describe("the server's name", () => {
  test("moves to another address in the middle of an apply: the agent follows it", async () => {
    const [former, present] = serverAddresses;
    const { link, way } = await open();
    await link.set({ names: { [name]: former } });
    const traveller = await openTraveller(stage, way, { clientWay: { url: stage.server.url, env: {} } });
    await expectFollowedLive(traveller, async () => {
      await link.set({ names: { [name]: present }, dead: [former] });
    });
    expect(traveller.agent.program.isRunning).toBe(true);
  });

  test("is not known: agent, client and doctors say so", async () => {
    const { way } = await open();
    await expectEverybodySays(stage, way, /the name in http:\/\/tf\.example\.com:\d+ cannot be resolved/);
  });

  test("is asked of a resolver that is dead: agent, client and doctors say so", async () => {
    const { link, way } = await open();
    await link.set({ dead: [resolverAddress] });
    await expectEverybodySays(
      stage,
      way,
      /the resolver of this machine does not answer[^→]*(→ )?see \/etc\/resolv\.conf/,
    );
  });
});
