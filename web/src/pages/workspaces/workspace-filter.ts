import { ExecutionMode } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { splitNames } from "../../ui/forms/names.ts";
import { modeOf } from "../../words/execution.ts";

/** What the URL says of which workspaces are shown; empty is all. */
export interface WorkspaceFilter {
  readonly search: string;
  readonly pool: string;
  readonly tags: string;
  readonly mode: string;
  readonly state: string;
}

interface FilterRequest {
  readonly search: string;
  readonly agentPool: string;
  readonly tags: string[];
  readonly executionModes: ExecutionMode[];
  readonly locked: boolean;
  readonly needsDecision: boolean;
}

export function filterRequest({ search, pool, tags, mode, state }: WorkspaceFilter): FilterRequest {
  const chosen = modeOf(mode);
  return {
    search,
    agentPool: pool,
    tags: [...splitNames(tags)],
    executionModes: chosen === ExecutionMode.UNSPECIFIED ? [] : [chosen],
    locked: state === "locked",
    needsDecision: state === "needs-decision",
  };
}

/** The same for the command line. */
export function cliFor({ search, pool, tags, mode, state }: WorkspaceFilter): string {
  const flags = [
    pool === "" ? "" : ` --pool ${shellWord(pool)}`,
    tags === "" ? "" : ` --tag ${shellWord([...splitNames(tags)].join(","))}`,
    modeOf(mode) === ExecutionMode.UNSPECIFIED ? "" : ` --mode ${mode}`,
    state === "locked" || state === "needs-decision" ? ` --${state}` : "",
    search === "" ? "" : ` --search ${shellWord(search)}`,
  ];
  return `windlass workspace list${flags.join("")}`;
}
