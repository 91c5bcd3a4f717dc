import type { Person, Principal } from "../../domain/people/principal.ts";
import { isFinal } from "../../domain/runs/run.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, visible } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { heldError } from "../core/refusals.ts";
import { CountedPieces, readSealed, storeSealedPieces } from "../core/sealed-blobs.ts";
import { withSerial } from "../documents/state-serial.ts";
import { type StateView, stateSource, stateSubject } from "./states.ts";

/** Makes a quarantined state the workspace's state, raising its serial if the workspace has moved on. */
export async function adoptState(
  control: Control,
  who: Principal,
  { id, isForced }: { readonly id: string; readonly isForced: boolean },
): Promise<StateView> {
  const person = asPerson(who);
  demand(person, isForced ? "own" : "operate");
  const found = await control.store.read((q) => quarantined(q, person, id));
  const adoption = await prepareAdoption(control, found, isForced);
  return changeAbout(control, found.workspaceId, async (tx, at) => {
    const workspace = await workspaceOf(tx, found);
    await refuseWhileHeld(tx, person, workspace);
    const state = await adopt(tx, at, { workspace, adoption });
    const detail = { serial: String(state.serial), workspace: workspace.name, quarantined: found.id };
    const entry = { action: "state.adopt", resource: state.id, organizationId: state.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    return { state, workspaceName: workspace.name };
  });
}

/** Deletes a quarantined state. */
export async function dropState(control: Control, who: Principal, id: string): Promise<void> {
  const person = asPerson(who);
  demand(person, "operate");
  await changeAbout(control, id, async (tx, at) => {
    const found = await quarantined(tx, person, id);
    await tx.states.delete(found.id);
    const detail = { serial: String(found.serial), reason: found.quarantineReason };
    const entry = { action: "state.drop", resource: found.id, organizationId: found.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
  });
}

/** Whether the person may see it comes first: the status of another tenant's state is nobody's business. */
async function quarantined(q: Queries, person: Person, id: string): Promise<StateVersion> {
  const state = visible(person, isId("sv", id) ? await q.states.get(id) : undefined, "state version", id);
  if (state.status === "quarantined") return state;
  throw new WindlassError(
    "state_not_quarantined",
    `state version ${id} is ${state.status}: only a quarantined one can be adopted or dropped`,
    {
      metadata: { state_version_id: id, status: state.status, workspace: (await workspaceOf(q, state)).name },
    },
  );
}

async function workspaceOf(q: Queries, { workspaceId }: StateVersion): Promise<Workspace> {
  const workspace = await q.workspaces.get(workspaceId);
  if (workspace === undefined) throw new WindlassError("internal", `the workspace ${workspaceId} is gone`);
  return workspace;
}

/** A run that can still write would write over the adopted state. */
async function refuseWhileHeld(q: Queries, person: Person, workspace: Workspace): Promise<void> {
  if (workspace.lock?.kind === "person" && workspace.lock.by !== actorOf(person))
    throw await heldError(q, workspace, "Wait for its release, or unlock it first");
  if (workspace.lock?.kind !== "run") return;
  const run = await q.runs.get(workspace.lock.runId);
  if (run === undefined || isFinal(run.status)) return;
  throw await heldError(q, workspace, "Wait for its end");
}

/** A quarantined state as it will stand in the workspace. */
export interface Adoption {
  readonly from: StateVersion;
  readonly next: StateVersion;
  /** The current state it was prepared against. */
  readonly currentStateId: StateVersion["id"] | null;
}

/** Decides about lineage and serial, and stores the bytes anew if the serial has to rise. */
export async function prepareAdoption(control: Control, from: StateVersion, isForced: boolean): Promise<Adoption> {
  const current = await control.store.read(async (q) => {
    const { currentStateId } = await workspaceOf(q, from);
    return currentStateId === null ? undefined : q.states.get(currentStateId);
  });
  if (current !== undefined && current.lineage !== from.lineage && !isForced) {
    throw new WindlassError(
      "state_lineage_conflict",
      `state version ${from.id} has the lineage ${from.lineage}, the workspace's state ${current.lineage}: they describe different histories. Adopt it with force if you are sure`,
      { metadata: { lineage: current.lineage } },
    );
  }
  const isBehind = current !== undefined && current.lineage === from.lineage && from.serial <= current.serial;
  const next = isBehind ? await storeWithSerial(control, from, current.serial + 1) : from;
  return { from, next: { ...next, status: "current", quarantineReason: "" }, currentStateId: current?.id ?? null };
}

/** Stores the content of a state anew under another serial, as a version of its own that is nobody's yet. */
export async function storeWithSerial(control: Control, from: StateVersion, serial: number): Promise<StateVersion> {
  const place = await control.documents.ask({ kind: "serial-place" }, stateSource(control, from));
  if (place === "encrypted") throw keepsSerial(from, await control.store.read((q) => workspaceOf(q, from)));
  const id = newId("sv", control.random);
  const pieces = new CountedPieces(withSerial(readSealed(control, from.blobKey, stateSubject(from.id)), place, serial));
  const maxBytes = from.bytes + maxSerialDigits;
  const blobKey = await storeSealedPieces(control, pieces, { subject: stateSubject(id), maxBytes });
  return { ...from, id, serial, ...pieces.seen, blobKey };
}

const maxSerialDigits = 30;

/** tofu takes no state whose serial is another one inside: only the very bytes can come back. */
const keepsSerial = ({ id, serial }: StateVersion, { name }: Workspace): WindlassError =>
  new WindlassError(
    "state_serial_conflict",
    `state version ${id} is encrypted by tofu, and its serial ${serial}, which stands inside as well, cannot be raised. Bring it back as it is: \`windlass state pull ${id} --file old.tfstate\`, then \`windlass state push old.tfstate -w ${name} --force\`, which an owner may`,
    { metadata: { workspace: name, serial: String(serial), state_version_id: id } },
  );

/** Puts a prepared state in its place, unless the workspace has moved since it was prepared. */
export async function adopt(
  tx: Queries,
  at: Change,
  { workspace, adoption }: { workspace: Workspace; adoption: Adoption },
): Promise<StateVersion> {
  const { from, next, currentStateId } = adoption;
  if (workspace.currentStateId !== currentStateId) {
    throw new WindlassError(
      "etag_mismatch",
      `the state of workspace ${workspace.name} has just changed: look at it, and try again`,
      {
        metadata: { current_etag: workspace.currentStateId ?? "" },
      },
    );
  }
  const current = currentStateId === null ? undefined : await tx.states.get(currentStateId);
  if (current !== undefined) await tx.states.save({ ...current, status: "superseded" });
  const state: StateVersion = { ...next, createdAt: next.id === from.id ? from.createdAt : at.now };
  if (next.id === from.id) await tx.states.save(state);
  else {
    await tx.states.save({ ...from, status: "superseded", quarantineReason: "" });
    await tx.states.insert(state);
  }
  await tx.workspaces.save({ ...workspace, currentStateId: state.id });
  if (state.runId !== null) at.touched.add(topics.run(state.runId));
  return state;
}
