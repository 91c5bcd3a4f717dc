import { useState } from "react";
import { type Problem, problemOf } from "./problem.ts";

/** Something that a person has started, and how it went. */
export interface Attempt {
  readonly isBusy: boolean;
  /** What was thrown; undefined before, and while it runs again. */
  readonly failure: { readonly error: unknown } | undefined;
  readonly problem: Problem | undefined;
  /** Runs it; true if it succeeded. A second run while the first goes on is none. */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>;
  readonly clear: () => void;
}

/** Keeps what a page needs to show of a call: that it runs, and why it failed. */
export function useAttempt(): Attempt {
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<{ readonly error: unknown }>();
  const run = async (work: () => Promise<unknown>) => {
    if (isBusy) return false;
    setIsBusy(true);
    setFailure(undefined);
    try {
      await work();
      return true;
    } catch (error) {
      setFailure({ error });
      return false;
    } finally {
      setIsBusy(false);
    }
  };
  const problem = failure === undefined ? undefined : problemOf(failure.error);
  return { isBusy, failure, problem, run, clear: () => setFailure(undefined) };
}
