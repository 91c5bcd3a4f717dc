import type { EngineInventory, EngineStore } from "../terraform/engine-store.ts";
import type { House } from "./house.ts";
import type { Job } from "./job.ts";
import { type Preparation, prepareJob } from "./prepare.ts";
import { endLeftBehind } from "./steps/left-behind.ts";
import { adoptStep, startStep } from "./steps/step-process.ts";

/** What the work on a job asks of the machine: to bring its parts here, and to run programs. A model of agents replaces it. */
export interface Machine {
  /** Which programs jobs can have here. */
  readonly inventory: (engines: EngineStore) => Promise<EngineInventory>;
  /** Brings everything that a job needs to its directory. */
  readonly prepare: (job: Job, house: House, signal: AbortSignal) => Promise<Preparation>;
  /** Starts a program that outlives the agent. */
  readonly start: typeof startStep;
  /** Finds a program that this or an earlier process of the agent started. */
  readonly adopt: typeof adoptStep;
  /** Ends what a program that is over has left behind. */
  readonly endLeftBehind: typeof endLeftBehind;
}

/** The machine that the agent is on. */
export const thisMachine: Machine = {
  inventory: (engines) => engines.inventory(),
  prepare: prepareJob,
  start: startStep,
  adopt: adoptStep,
  endLeftBehind,
};
