import type { Person, Principal } from "../../domain/people/principal.ts";
import { decidePush, type StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { invalid } from "../core/refusals.ts";
import { sha256Of, storeSealed } from "../core/sealed-blobs.ts";
import type { StateContent } from "../documents/state-file.ts";
import { storeWithSerial } from "./quarantine.ts";
import { findState, type StateView, stateSubject } from "./states.ts";
import { currentOf, isKnown, ofNoJob, refuseHeld, serialConflict, succeed, viewOf } from "./succession.ts";

/** A state as a person pushes it. */
export interface StatePush {
  readonly workspace: Reference;
  readonly bytes: Uint8Array;
  /** As announced, in hex. */
  readonly sha256: string;
  /** Whatever its lineage and serial are. */
  readonly isForced: boolean;
}

/** Refuses early, before any byte is taken, what the person may not push. */
export async function admitPush(
  control: Control,
  who: Principal,
  { workspace: reference, isForced }: Pick<StatePush, "workspace" | "isForced">,
): Promise<void> {
  const person = asPerson(who);
  demand(person, isForced ? "own" : "operate");
  await control.store.read(async (q) => refuseHeld(q, await findWorkspace(q, person, reference), person));
}

/** Makes a state that a person has the workspace's state. The same again changes nothing. */
export async function pushState(control: Control, who: Principal, push: StatePush): Promise<StateView> {
  const person = asPerson(who);
  const { workspace: reference, isForced } = push;
  demand(person, isForced ? "own" : "operate");
  const content = await checkedContent(control, person, push);
  const id = newId("sv", control.random);
  const blobKey = await storeSealed(control, push.bytes, stateSubject(id));
  return changeAbout(control, aboutWorkspace(person, reference), async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    const version: StateVersion = {
      id,
      blobKey,
      jsonBlobKey: null,
      isIntermediate: false,
      ...content,
      organizationId: workspace.organizationId,
      workspaceId: workspace.id,
      runId: null,
      ...ofNoJob,
      status: "current",
      quarantineReason: "",
      sha256: push.sha256,
      bytes: push.bytes.length,
      createdBy: actorOf(person),
      rollbackOf: null,
      createdAt: at.now,
    };
    await refuseHeld(tx, workspace, person);
    const current = await currentOf(tx, workspace);
    const succession = { workspace, current, version };
    if (isKnown(decidePush(current ?? null, version, isForced), succession))
      return viewOf(current ?? version, workspace);
    const next = await succeed(tx, succession);
    const detail = { workspace: workspace.name, serial: String(version.serial), forced: String(isForced) };
    const { organizationId } = workspace;
    await record(tx, person, { action: "state.push", resource: id, organizationId, detail, at: at.now });
    return viewOf(next, workspace);
  });
}

/** Makes the content of an earlier state the workspace's state again, under the next serial. */
export async function rollbackState(
  control: Control,
  who: Principal,
  { id, expectedCurrentId }: { readonly id: string; readonly expectedCurrentId: string },
): Promise<StateView> {
  const person = asPerson(who);
  demand(person, "operate");
  const read = await control.store.read(async (q) => {
    const found = await readRollback(q, person, id);
    await refuseHeld(q, found.workspace, person);
    return found;
  });
  const { from, current } = read;
  refuseMoved(read.workspace, current, expectedCurrentId);
  refuseStrange(from, current);
  const stored = await storeWithSerial(control, from, current.serial + 1);
  return changeAbout(control, id, async (tx, at) => {
    const now = await readRollback(tx, person, id);
    await refuseHeld(tx, now.workspace, person);
    refuseMoved(now.workspace, now.current, current.id);
    const made = {
      createdBy: actorOf(person),
      rollbackOf: from.id,
      createdAt: at.now,
      runId: null,
      ...ofNoJob,
      jsonBlobKey: null,
      isIntermediate: false,
    };
    const version: StateVersion = { ...stored, ...made, status: "current" };
    const next = await succeed(tx, { ...now, version });
    const { organizationId, name } = now.workspace;
    const detail = { workspace: name, serial: String(version.serial), rollback_of: from.id };
    await record(tx, person, { action: "state.rollback", resource: version.id, organizationId, detail, at: at.now });
    return viewOf(next, now.workspace);
  });
}

async function checkedContent({ documents }: Control, person: Person, push: StatePush): Promise<StateContent> {
  const { bytes, sha256 } = push;
  const actual = await sha256Of(bytes);
  const source = { of: person.organizationId ?? person.id, load: async () => [bytes] };
  if (actual === sha256) return documents.ask({ kind: "pushed-state" }, source);
  const message = `the state has the SHA-256 ${actual}, but ${sha256} was announced: it was changed on its way, push it again`;
  throw new WindlassError("checksum_mismatch", message);
}

interface Rollback {
  readonly from: StateVersion;
  readonly workspace: Workspace;
  readonly current: StateVersion;
}

async function readRollback(q: Queries, person: Person, id: string): Promise<Rollback> {
  if (id === "") throw invalid("state_version_id", "name the state version to go back to by its id");
  const { state: from } = await findState(q, person, { id, workspace: { organization: "", name: "" } });
  const workspace = await q.workspaces.get(from.workspaceId);
  const current = workspace === undefined ? undefined : await currentOf(q, workspace);
  if (workspace === undefined || current === undefined) {
    throw new WindlassError("internal", `the workspace of ${from.id}, or its state, is gone`);
  }
  return { from, workspace, current };
}

function refuseMoved(workspace: Workspace, current: StateVersion, expectedId: string): void {
  if (expectedId === "" || expectedId === current.id) return;
  throw serialConflict(
    workspace,
    current,
    `the state of workspace "${workspace.name}" is ${current.id} (serial ${current.serial}) by now`,
  );
}

function refuseStrange(from: StateVersion, current: StateVersion): void {
  if (from.status === "quarantined") {
    throw invalid("state_version_id", `state version ${from.id} is quarantined: adopt it instead`);
  }
  if (from.id === current.id) throw invalid("state_version_id", `state version ${from.id} is the current one already`);
  if (from.lineage === current.lineage) return;
  throw new WindlassError(
    "state_lineage_conflict",
    `state version ${from.id} has the lineage ${from.lineage}, the workspace's state ${current.lineage}: they describe different histories. Pull it, and push it with force if you are sure`,
    { metadata: { lineage: current.lineage } },
  );
}
