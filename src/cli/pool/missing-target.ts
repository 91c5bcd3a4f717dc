import type { AgentPool } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { isAtLeast } from "../../lib/words/version-steps.ts";
import type { Context } from "../server/context.ts";

/**
 * Says that a pool's agents should have a version that does not exist yet. Of the versions of a server only the newest is known here, so
 * an older one that is missing is not noticed.
 */
export function warnOfMissingTarget({ notes }: Context, { update }: AgentPool): void {
  const { targetVersion: target = "", newestVersion: newest = "" } = update ?? {};
  if (target === "" || newest === "" || isAtLeast(newest, target)) return;
  notes.warn(`the server has no version ${target}: the newest is ${newest}`);
}
