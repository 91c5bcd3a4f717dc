import type { Scenario } from "../scenario.ts";
import { connectionScenarios } from "./connection.ts";
import { logScenarios } from "./logs.ts";
import { orderScenarios } from "./orders.ts";
import { phaseScenarios } from "./phases.ts";
import { registerScenarios } from "./register.ts";
import { startScenarios } from "./starts.ts";
import { strangerScenarios } from "./strangers.ts";

/** Every rule that is checked, in the order of a session. */
export const allScenarios: readonly Scenario[] = [
  ...registerScenarios,
  ...phaseScenarios,
  ...startScenarios,
  ...logScenarios,
  ...orderScenarios,
  ...strangerScenarios,
  ...connectionScenarios,
];
