import { expect, test } from "vitest";
import { startProgram } from "../support/programs.ts";
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

  test("is asked of three resolvers that are dead: the client is gone before the C library would have stopped to ask", async () => {
    const { link, way } = await open();
    await link.resolvers("10.77.0.60", "10.77.0.61", "10.77.0.62");
    const { command, args } = way.within?.(["getent", "ahosts", name]) ?? expect.unreachable();
    await using asking = startProgram({ name: "getent", command, args });
    const env = { WINDLASS_ADDRESS: way.url, WINDLASS_TOKEN_FILE: stage.server.adminTokenFile };
    const client = stage.scene.start("windlass", ["pool", "list"], env, way.within);
    expect((await client.ended).code).toBe(7);
    expect(client.stderr()).toContain("the resolver of this machine does not answer");
    expect(asking.isRunning).toBe(true);
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
