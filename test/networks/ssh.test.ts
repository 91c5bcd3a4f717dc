import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectFollowedLive } from "./conditions.ts";
import { openTunnel, sshd } from "./ssh.ts";
import { openTraveller } from "./traveller.ts";
import { testTravels } from "./travels.ts";

const stage = useStage();

sshd.describe("through ssh -L as documented", () => {
  testTravels(stage, () => openTunnel(stage.scene, stage.server));

  test("a tunnel that is down for a while is ridden out", async () => {
    const tunnel = await openTunnel(stage.scene, stage.server);
    const traveller = await openTraveller(stage, tunnel.way);
    await expectFollowedLive(traveller, async () => {
      await tunnel.front.stop();
      await tunnel.sshd.restart();
      await traveller.agent.program.says(/no server answers at http:[^"]*the connection was refused/);
      await tunnel.front.start();
    });
    expect(traveller.agent.program.isRunning).toBe(true);
  });
});
