import { endLeftBehind } from "../steps/left-behind.ts";
import { adoptStep, startStep } from "../steps/step-process.ts";
import type { Machine } from "./house.ts";
import { prepareJob } from "./prepare.ts";

/** The machine that the agent is on. */
export const thisMachine: Machine = {
  inventory: (engines) => engines.inventory(),
  prepare: prepareJob,
  start: startStep,
  adopt: adoptStep,
  endLeftBehind,
};
