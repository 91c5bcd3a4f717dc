import type { PlannedImports } from "../plan/imports.ts";
import type { DeposedObject, NewlyDeposed } from "./deposed-objects.ts";

/** What terraform's human format says of an apply, and its JSON events do not tell. */
export interface ApplyWords {
  /** Those of the plan. */
  readonly imports: PlannedImports;
  /** The deposed objects of the state that the apply begins with. */
  readonly before: readonly DeposedObject[];
  readonly newlyDeposed: NewlyDeposed;
}

export const noWords: ApplyWords = { imports: [], before: [], newlyDeposed: () => "" };
