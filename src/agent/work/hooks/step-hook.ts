import { type RunFacts, terraformEnvironment } from "../../../terraform/engines/environment.ts";
import type { JobContext } from "../services.ts";

/** How the steps of hooks are called, and what one gets to end after its SIGTERM. */
export const hookStep = "hook-";
export const hookPatienceMs = 10_000;

export interface StepHook {
  readonly path: string;
  /** What it may read beside what every program of the job may. */
  readonly readable: readonly string[];
  /** Asked for only when it is started, as what it reads is made then. */
  readonly environment: () => Promise<Readonly<Record<string, string>>>;
  /** True for one that is started, and left to end by itself, also if the job is canceled. */
  readonly runsAnyway: boolean;
  /** Where one runs that runs as this agent does, outside of the sandbox: it gets nothing of what the job has made or was given. */
  readonly outside: string | undefined;
}

/** A variable of a workspace could run code in a program that no sandbox holds. */
export async function outsideEnvironment(
  { config: { searchPath: path } }: JobContext,
  run: RunFacts,
  { hook, at }: { readonly hook: StepHook; readonly at: string },
): Promise<Record<string, string>> {
  const own = terraformEnvironment({ path, home: at, temporaryDirectory: at, run, variables: [] });
  return { ...own, PWD: at, ...(await hook.environment()) };
}
