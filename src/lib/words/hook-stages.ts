/** The moments of a job at which hooks of an agent run, in their order. */
export const hookStages = [
  "pre-init",
  "pre-plan",
  "post-plan",
  "pre-apply",
  "post-apply",
  "on-cancel",
  "job-exit",
] as const;
export type HookStage = (typeof hookStages)[number];
