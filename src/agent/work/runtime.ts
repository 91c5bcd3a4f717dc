import { endLeftBehind } from "../steps/left-behind.ts";
import { adoptStep, startStep } from "../steps/step-process.ts";
import { prepareJob } from "./prepare.ts";
import type { JobRuntime } from "./services.ts";

/** The machine that the agent is on. */
export const localRuntime: JobRuntime = {
  inventory: (engines) => engines.inventory(),
  prepare: prepareJob,
  start: startStep,
  adopt: adoptStep,
  endLeftBehind,
};
