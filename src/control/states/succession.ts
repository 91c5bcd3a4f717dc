import type { Person } from "../../domain/people/principal.ts";
import { isOfHold, type PushDecision, type StateVersion, timeAfter } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { actorOf } from "../core/audit.ts";
import { heldError, invalid } from "../core/refusals.ts";
import type { StateView } from "./states.ts";

/** A run that holds the workspace would write over the state, and somebody else's lock says to wait. */
export async function refuseHeld(q: Queries, workspace: Workspace, person: Person): Promise<void> {
  const { lock } = workspace;
  if (lock === null || (lock.kind === "person" && lock.by === actorOf(person))) return;
  throw await heldError(q, workspace, "Ask its holder to unlock it");
}

/** The state that a workspace has now. */
export const currentOf = async (q: Queries, { currentStateId }: Workspace): Promise<StateVersion | undefined> =>
  currentStateId === null ? undefined : q.states.get(currentStateId);

/** What a state has that no job made. */
export const ofNoJob = { jobId: null, jobSequence: 0, isFinal: false, baseSerial: null } as const;

/** A state that is to follow the workspace's. */
export interface Succession {
  readonly workspace: Workspace;
  readonly current: StateVersion | undefined;
  readonly version: Pick<StateVersion, "lineage" | "serial">;
}

/** True if the workspace has the state already; throws what it is refused for. */
export function isKnown(decision: PushDecision, { workspace, current, version }: Succession): boolean {
  const has =
    current === undefined
      ? ""
      : `the workspace's state has the lineage ${current.lineage} and serial ${current.serial}`;
  switch (decision.kind) {
    case "known":
      return true;
    case "accept":
      return false;
    case "serial_too_high":
      throw invalid("serial", `the serial ${version.serial} leaves no room for later ones`);
    case "other_lineage":
      throw new WindlassError(
        "state_lineage_conflict",
        `the state has the lineage ${version.lineage}: ${has}. They describe different histories. An owner can replace it with force`,
        { metadata: { workspace: workspace.name, lineage: current?.lineage ?? "" } },
      );
    case "old_serial":
      throw serialConflict(
        workspace,
        current,
        `the state has the serial ${version.serial}, which is not higher: ${has}`,
      );
  }
}

/** The refusal of a state that does not follow the workspace's. */
export const serialConflict = (
  workspace: Workspace,
  current: StateVersion | undefined,
  message: string,
): WindlassError =>
  new WindlassError("state_serial_conflict", `${message}. Pull the state and repeat your change on it`, {
    metadata: { workspace: workspace.name, serial: String(current?.serial ?? 0), state_version_id: current?.id ?? "" },
  });

/** Puts a state in the place of the workspace's. */
export async function succeed(
  tx: Queries,
  { workspace, current, version }: Succession & { readonly version: StateVersion },
): Promise<StateVersion> {
  const next = { ...version, createdAt: timeAfter(current, version.createdAt) };
  if (current !== undefined) {
    const isIntermediate = current.isIntermediate || isOfHold(current, workspace.lock);
    await tx.states.save({ ...current, status: "superseded", isIntermediate });
  }
  await tx.states.insert(next);
  await tx.workspaces.save({ ...workspace, currentStateId: next.id });
  return next;
}

export const viewOf = (state: StateVersion, { name }: Pick<Workspace, "name">): StateView => ({ state, workspaceName: name });
