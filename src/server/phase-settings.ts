import { durationMs } from "../lib/setting-schemas.ts";
import { setting } from "../lib/settings.ts";

/** How long the phases of a run may take where its workspace does not say so. */
export const phaseSettings = {
  planTimeout: setting(
    {
      about: "how long a plan may take before it is canceled, unless its workspace says otherwise; 0 is for ever",
      flag: "plan-timeout",
      env: "WINDLASS_PLAN_TIMEOUT",
      schema: durationMs(),
    },
    7_200_000,
  ),
  applyTimeout: setting(
    {
      about: "how long an apply may take before it is canceled, unless its workspace says otherwise; 0 is for ever",
      flag: "apply-timeout",
      env: "WINDLASS_APPLY_TIMEOUT",
      schema: durationMs(),
    },
    86_400_000,
  ),
  initTimeout: setting(
    {
      about: "how long init may take before it is ended, unless its workspace says otherwise; 0 is for ever",
      flag: "init-timeout",
      env: "WINDLASS_INIT_TIMEOUT",
      schema: durationMs(),
    },
    600_000,
  ),
} as const;
