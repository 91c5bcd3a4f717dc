import { join, resolve } from "node:path";
import type { HookConfig } from "../contract/config.ts";
import type { AgentSettings } from "./agent-settings.ts";

/** Where hooks lie and how long they may take. */
export const hookConfigOf = (values: AgentSettings & { readonly dataDir: string }): HookConfig => ({
  directory: resolve(values.hooksDir ?? join(values.dataDir, "hooks")),
  limitsMs: {
    others: values.hookTimeout,
    stages: {
      "pre-plan": values.hookPrePlanTimeout,
      "post-plan": values.hookPostPlanTimeout,
      "pre-apply": values.hookPreApplyTimeout,
      "post-apply": values.hookPostApplyTimeout,
    },
  },
});
