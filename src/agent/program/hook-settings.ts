import { join, resolve } from "node:path";
import type { HookConfig } from "../contract/config.ts";
import type { AgentSettings } from "./agent-settings.ts";

/** Where hooks lie, how long they may take and what else they may do. */
export const hookConfigOf = (values: AgentSettings & { readonly dataDir: string }): HookConfig => ({
  directory: resolve(values.hooksDir ?? join(values.dataDir, "hooks")),
  limitsMs: {
    others: values.hookTimeout,
    stages: {
      "pre-init": values.hookPreInitTimeout,
      "pre-plan": values.hookPrePlanTimeout,
      "post-plan": values.hookPostPlanTimeout,
      "pre-apply": values.hookPreApplyTimeout,
      "post-apply": values.hookPostApplyTimeout,
      "on-cancel": values.hookOnCancelTimeout,
      "job-exit": values.hookJobExitTimeout,
    },
  },
  outsideSandbox: values.hooksOutsideSandbox,
  maySet: values.hooksMaySet,
});
