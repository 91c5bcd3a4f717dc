import { useStage } from "../support/stage.ts";
import { apache, openApache } from "./apache.ts";
import { testTravels } from "./travels.ts";

const stage = useStage();

apache.describe("behind Apache as documented", () => {
  testTravels(stage, () => openApache(stage.scene, stage.server));
});
