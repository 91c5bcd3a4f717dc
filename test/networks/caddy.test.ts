import { test } from "vitest";
import { useStage } from "../support/stage.ts";
import { caddy, openCaddy } from "./caddy.ts";
import { expectHttp1Named } from "./hops.ts";
import { testTravels } from "./travels.ts";

const stage = useStage();

caddy.describe("behind Caddy as documented", () => {
  testTravels(stage, () => openCaddy(stage.scene, stage.server));
});

caddy.describe("behind Caddy", () => {
  test("that speaks HTTP/1.1 to the server an agent says so, and is not idle", async () => {
    const { way } = await openCaddy(stage.scene, stage.server, { "h2c://": "" });
    await expectHttp1Named(stage, way);
  });
});
