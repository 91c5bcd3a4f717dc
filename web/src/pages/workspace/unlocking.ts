import { RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import type { WorkspaceLock } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { hasEnded } from "../../words/run-states.ts";

/**
 * How a lock can be released: by its holder; by force, if somebody else took it or a lost run left it behind; not at all, while its run is
 * under way.
 */
export type Unlocking = "own" | "force" | "left-behind" | "under-way";

export function unlockingOf(
  lock: Pick<WorkspaceLock, "holder" | "runId" | "runState">,
  callerId: string | undefined,
): Unlocking {
  if (lock.runId !== "")
    return lock.runState === RunState.UNSPECIFIED || hasEnded({ state: lock.runState }) ? "left-behind" : "under-way";
  // Holders are named with their ids: `ana (key_…)`.
  return callerId !== undefined && callerId !== "" && lock.holder.endsWith(`(${callerId})`) ? "own" : "force";
}
