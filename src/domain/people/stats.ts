/** What an organization has right now, in numbers. */
export interface OrganizationStats {
  readonly workspaces: number;
  readonly pools: number;
  /** Idle, busy or, for a short while, silent. */
  readonly connectedAgents: number;
  readonly busyAgents: number;
  /** Runs that have not ended. */
  readonly activeRuns: number;
  readonly runsToConfirm: number;
  readonly queuedJobs: number;
  /** Offered or started. */
  readonly runningJobs: number;
  /** Workspaces that an ended run still holds, because its apply was lost. */
  readonly interruptedWorkspaces: number;
  readonly quarantinedStates: number;
}
