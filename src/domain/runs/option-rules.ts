import type { Workspace } from "../workspaces/workspace.ts";
import type { RunOptions } from "./run.ts";

/** An option that a run may not have, by the name of its field. */
export interface RefusedOption {
  readonly option: "destroy" | "engine_version";
  readonly why: string;
}

/** What a workspace does not allow its runs, and what options do not go together; undefined if all is well. */
export function refusedOption(
  { isDestroy, isPlanOnly, engineVersion }: Pick<RunOptions, "isDestroy" | "isPlanOnly" | "engineVersion">,
  { name, allowsDestroy }: Pick<Workspace, "name" | "allowsDestroy">,
): RefusedOption | undefined {
  if (isDestroy && !allowsDestroy)
    return { option: "destroy", why: `workspace ${name} does not allow runs that destroy everything` };
  if (engineVersion !== "" && !isPlanOnly)
    return { option: "engine_version", why: "only a plan-only run may have another version than its workspace" };
  return undefined;
}
