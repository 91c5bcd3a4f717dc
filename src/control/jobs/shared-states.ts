import type { Principal } from "../../domain/people/principal.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { stateSource } from "../states/states.ts";
import type { Scope } from "./artifacts.ts";
import { startedScope } from "./inputs.ts";

/** What one workspace lets another one read: a state with its outputs, or why there is none. */
export type SharedState =
  | { readonly kind: "readable"; readonly workspace: string; readonly state: Uint8Array }
  | { readonly kind: "unreadable"; readonly workspace: string; readonly problem: string };

/** Largest state with outputs of one workspace. */
const maxBytes = 2 * 1024 * 1024;
/** All that one job gets together; an agent keeps them in one file. */
const maxBytesTogether = 32 * 1024 * 1024;
const pageRows = 200;

/** The outputs that a started job may read of other workspaces, by name; workspaces without a state are left out. */
export async function* sharedStatesOfJob(control: Control, who: Principal): AsyncGenerator<SharedState> {
  const sharers = control.store.read(async (q) => readSharers(q, await startedScope(q, who, "shared states")));
  yield* openSharers(control, await sharers);
}

/** The same of sharers that were read before. */
export async function* openSharers(control: Control, sharers: readonly Sharer[]): AsyncGenerator<SharedState> {
  let left = maxBytesTogether;
  for (const { workspace, state } of sharers) {
    const shared = await readShared(control, workspace, state);
    if (shared.kind === "readable") left -= shared.state.length;
    yield left >= 0 ? shared : unreadable(workspace, `all shared outputs have more than ${maxBytesTogether} bytes`);
  }
}

/** A workspace that lets a job read its outputs. */
export interface Sharer {
  readonly workspace: Workspace;
  readonly state: StateVersion;
}

export async function readSharers(q: Queries, { workspace: consumer }: Scope): Promise<readonly Sharer[]> {
  const found: Sharer[] = [];
  let after: string | null = null;
  for (;;) {
    const page: readonly Workspace[] = await q.workspaces.sharingWith(consumer, { after, limit: pageRows });
    for (const workspace of page) {
      const state = workspace.currentStateId === null ? undefined : await q.states.get(workspace.currentStateId);
      if (state !== undefined) found.push({ workspace, state });
    }
    after = page.at(-1)?.name ?? null;
    if (page.length < pageRows) return found;
  }
}

async function readShared(control: Control, workspace: Workspace, version: StateVersion): Promise<SharedState> {
  try {
    const state = await control.documents.ask({ kind: "outputs-only" }, stateSource(control, version));
    if (state.length <= maxBytes) return { kind: "readable", workspace: workspace.name, state };
    return unreadable(workspace, `its outputs have ${state.length} bytes: at most ${maxBytes} can be shared`);
  } catch (error) {
    if (isWindlassError(error, "validation")) return unreadable(workspace, error.message);
    control.log.error({ err: error, stateVersionId: version.id }, "a shared state cannot be read");
    return unreadable(workspace, "the server cannot read its state: see the server's log");
  }
}

const unreadable = ({ name }: Workspace, problem: string): SharedState => ({
  kind: "unreadable",
  workspace: name,
  problem,
});
