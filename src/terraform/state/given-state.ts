import type { StateFile, ValidState } from "./state.ts";

/** The state that another one has to follow. */
export type GivenState = Pick<ValidState, "lineage" | "serial" | "sha256">;

/**
 * Why what lies there cannot be the state after the one that was given; undefined if it can. The serial may be the
 * same: terraform raises it only when the content is another one than it read.
 */
export function whyRefused(found: StateFile, given: GivenState | undefined): string | undefined {
  if (found.kind === "missing") return "it is gone";
  if (found.kind !== "valid") return found.why;
  if (given === undefined) return undefined;
  if (found.lineage !== given.lineage) {
    return `its lineage is ${found.lineage}, that of the state before it is ${given.lineage}`;
  }
  if (found.serial >= given.serial) return undefined;
  return `its serial ${found.serial} is lower than ${given.serial}, that of the state before it`;
}
