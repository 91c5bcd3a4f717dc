import type { JobPhase } from "./job.ts";

/** A hook of an agent that ran for a run. */
export interface RunHook {
  readonly phase: JobPhase;
  readonly name: string;
  /** Empty if it is not known. */
  readonly sha256: string;
  /** −1: it was ended. */
  readonly exitCode: number;
  /** Markdown; all of one phase have at most `maxHookText` characters. */
  readonly summary: string;
}

/** What the hooks of a phase say all together. */
const maxHookText = 64 * 1024;

/** Hooks as an agent tells of them, with as much of their words as a run keeps: the result must be taken whatever it says. */
export function keptHooks(told: readonly RunHook[]): readonly RunHook[] {
  let left = maxHookText;
  return told.map((hook) => {
    const summary = hook.summary.slice(0, left).toWellFormed();
    left -= summary.length;
    return { ...hook, summary };
  });
}

/** The hooks of a run with those of a phase in the place of what was known of that phase. */
export const withHooksOf = (
  known: readonly RunHook[] | null,
  phase: JobPhase,
  told: readonly RunHook[],
): readonly RunHook[] | null => {
  const all = [...(known ?? []).filter((hook) => hook.phase !== phase), ...told];
  return all.length === 0 ? null : all;
};
