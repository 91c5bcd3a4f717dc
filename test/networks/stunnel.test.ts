import { useStage } from "../support/stage.ts";
import { openStunnel, stunnel } from "./stunnel.ts";
import { testTravels } from "./travels.ts";

const stage = useStage();

stunnel.describe("through stunnel as documented", () => {
  testTravels(stage, () => openStunnel(stage.scene, stage.server));
});
