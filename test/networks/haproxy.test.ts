import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectCanceled } from "./conditions.ts";
import { haproxy, openHaproxy } from "./haproxy.ts";
import { expectHttp1Named } from "./hops.ts";
import { openTraveller } from "./traveller.ts";
import { testTravels } from "./travels.ts";

const stage = useStage({ args: ["--heartbeat-interval", "1s"] });

haproxy.describe("behind HAProxy as documented", () => {
  testTravels(stage, () => openHaproxy(stage.scene, stage.server));
});

haproxy.describe("behind HAProxy", () => {
  test("with times of 3 s an apply that is quiet for longer stays connected, and is canceled in time", async () => {
    const { way } = await openHaproxy(stage.scene, stage.server, { "1h": "3s" });
    const traveller = await openTraveller(stage, way);
    await expectCanceled(traveller, 5_000);
    expect(traveller.agent.program.stderr() + traveller.agent.program.stdout()).not.toContain("trying again");
  });

  test("that speaks HTTP/1.1 to the server an agent says so, and is not idle", async () => {
    const { way } = await openHaproxy(stage.scene, stage.server, { " proto h2": "" });
    await expectHttp1Named(stage, way);
  });
});
