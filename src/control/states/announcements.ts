import { createHash, type Hash } from "node:crypto";
import type { Person, Principal } from "../../domain/people/principal.ts";
import {
  decideNamed,
  type StateAnnouncement,
  type StateVersion,
  timeAfter,
} from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId, type RunId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, asPerson, demand, findWorkspace, type Reference, visible } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout, forgetAfter } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { heldError, invalid } from "../core/refusals.ts";
import { CountedPieces, readSealed, storeSealedPieces } from "../core/sealed-blobs.ts";
import type { StateContent } from "../documents/state-file.ts";
import { openState, type StateView, stateSubject } from "./states.ts";
import { currentOf, isKnown, ofNoJob, type Succession, serialConflict, succeed, viewOf } from "./succession.ts";

/** A state as a client names it, before its bytes. */
export interface NewAnnouncement extends Pick<StateAnnouncement, "lineage" | "serial" | "md5" | "isForced"> {
  readonly workspace: Reference;
  /** The run that it belongs to; empty is none. */
  readonly runId: string;
}

/** A state that is awaited, or one that is there already. */
export type AnnouncedState =
  | { readonly kind: "awaited"; readonly announcement: StateAnnouncement }
  | { readonly kind: "known"; readonly view: StateView };

/**
 * Announces a state: its bytes are to come under the id that this gives. Whoever does so holds the workspace. Nothing waits for it,
 * and whether it may become the workspace's state is looked at again when it has come.
 */
export async function announceState(control: Control, who: Principal, wish: NewAnnouncement): Promise<AnnouncedState> {
  const person = asPerson(who);
  demand(person, wish.isForced ? "own" : "operate");
  const seen = await sameAs(control, person, wish);
  return changeAbout(control, aboutWorkspace(person, wish.workspace), async (tx, at): Promise<AnnouncedState> => {
    const workspace = await heldWorkspace(tx, person, wish.workspace);
    const runId = await runIn(tx, workspace, wish.runId);
    const current = await currentOf(tx, workspace);
    await demandRoom(tx, at, { workspace, current });
    const { lineage, serial, md5, isForced } = wish;
    const decision = decideNamed(current ?? null, { lineage, serial, isForced, isSame: seen === current?.id });
    if (isKnown(decision, { workspace, current, version: wish }) && current !== undefined)
      return { kind: "known", view: viewOf(current, workspace) };
    const announcement: StateAnnouncement = {
      ...{
        id: newId("sv", control.random),
        organizationId: workspace.organizationId,
        workspaceId: workspace.id,
        runId,
      },
      ...{ lineage, serial, md5, isForced, isIntermediate: false, jsonBlobKey: null },
      ...{ createdBy: actorOf(person), createdAt: timeAfter(current, at.now) },
    };
    await tx.stateAnnouncements.insert(announcement);
    return { kind: "awaited", announcement };
  });
}

/** How many states of a workspace may be awaited: whoever brings them brings one after the other. */
const maxAwaited = 20;

/** Forgets those that can no longer come. Throws `quota_exceeded` if there are as many others as may be. */
async function demandRoom(
  tx: Queries,
  { unneeded }: Change,
  { workspace, current }: Pick<Succession, "workspace" | "current">,
): Promise<void> {
  const { rows } = await tx.stateAnnouncements.slice(workspace.id, { offset: 0, limit: maxAwaited });
  const outdated = rows.filter((row) => isOutdated(row, current));
  for (const { id, jsonBlobKey } of outdated) {
    await tx.stateAnnouncements.delete(id);
    if (jsonBlobKey !== null) unneeded.add(jsonBlobKey);
  }
  if (rows.length - outdated.length < maxAwaited) return;
  const message = `workspace "${workspace.name}" awaits ${maxAwaited} states that were announced and did not come, and no more at a time: upload one of them, or wait a day`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxAwaited) } });
}

/** True once the workspace has got another state since. */
const isOutdated = ({ createdAt }: StateAnnouncement, current: StateVersion | undefined): boolean =>
  current !== undefined && current.createdAt > createdAt;

/** The id of the workspace's state if its serial and its bytes are those that are announced. */
async function sameAs(
  control: Control,
  person: Person,
  { workspace: reference, serial, md5 }: Pick<NewAnnouncement, "workspace" | "serial" | "md5">,
): Promise<StateVersion["id"] | null> {
  const current = await control.store.read(async (q) => currentOf(q, await findWorkspace(q, person, reference)));
  if (current === undefined || current.serial !== serial) return null;
  const hash = createHash("md5");
  for await (const piece of readSealed(control, current.blobKey, stateSubject(current.id))) hash.update(piece);
  return hash.digest("hex") === md5 ? current.id : null;
}

/** The workspace, which the person has locked: nobody else writes its state meanwhile. */
async function heldWorkspace(q: Queries, person: Person, reference: Reference): Promise<Workspace> {
  const workspace = await findWorkspace(q, person, reference);
  const { lock, name } = workspace;
  if (lock?.kind === "person" && lock.by === actorOf(person)) return workspace;
  if (lock !== null) throw await heldError(q, workspace, "Ask its holder to unlock it");
  throw new WindlassError("not_locked", `workspace "${name}" is not locked: lock it before you bring a state`, {
    metadata: { workspace: name },
  });
}

async function runIn(q: Queries, workspace: Workspace, id: string): Promise<RunId | null> {
  if (id === "") return null;
  const run = isId("run", id) ? await q.runs.get(id) : undefined;
  if (run !== undefined && run.workspaceId === workspace.id) return run.id;
  throw invalid("/data/relationships/run", `expected a run of workspace ${workspace.name}, got ${id}`);
}

/** The bytes of a state that was announced. */
export interface AnnouncedBytes {
  readonly id: string;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/**
 * Takes the bytes of a state that was announced, and makes it the workspace's state. They are checked against their MD5, and must be
 * a state. The same again changes nothing.
 */
export async function takeAnnouncedState(
  control: Control,
  who: Principal,
  { id, pieces }: AnnouncedBytes,
): Promise<StateView> {
  const person = asPerson(who);
  const done = await control.store.read((q) => finished(q, person, id));
  if (done !== undefined) return takeAgain(done, pieces);
  const { announcement } = await control.store.read((q) => openAnnouncement(q, person, id));
  const arrived = await arrive(control, announcement, pieces);
  try {
    const content = await checkedContent(control, announcement, arrived);
    return await changeAbout(control, id, (tx, at) => finish(tx, at, { person, id, arrived, content }));
  } catch (error) {
    await forgetAfter(control, arrived.blobKey, error);
    throw error;
  }
}

/** A state that came under an id that was announced, if it has come. */
async function finished(q: Queries, person: Person, id: string): Promise<StateView | undefined> {
  const state = isId("sv", id) ? await q.states.get(id) : undefined;
  if (state === undefined) return undefined;
  demand(person, "operate");
  const seen = visible(person, state, "state version", id);
  return { state: seen, workspaceName: (await q.workspaces.get(seen.workspaceId))?.name ?? "" };
}

async function takeAgain(view: StateView, pieces: AsyncIterable<Uint8Array>): Promise<StateView> {
  const counted = new CountedPieces(pieces);
  for await (const _piece of counted) {
    // Only its sum counts.
  }
  if (counted.seen.sha256 === view.state.sha256) return view;
  throw new WindlassError("checksum_mismatch", `state version ${view.state.id} has its bytes, which never change`);
}

interface Awaited {
  readonly announcement: StateAnnouncement;
  readonly workspace: Workspace;
}

/** An announcement whose state may still come. */
async function openAnnouncement(q: Queries, person: Person, id: string): Promise<Awaited> {
  const announcement = await findAnnouncement(q, person, id);
  demand(person, announcement.isForced ? "own" : "operate");
  const workspace = await heldWorkspace(q, person, { organization: "", name: announcement.workspaceId });
  return { announcement, workspace };
}

const findAnnouncement = async (q: Queries, person: Person, id: string): Promise<StateAnnouncement> =>
  visible(person, isId("sv", id) ? await q.stateAnnouncements.get(id) : undefined, "state version", id);

/** A state whose bytes have not come; undefined if they have, or if there is none of this id. */
export async function getAnnouncement(
  control: Control,
  who: Principal,
  id: string,
): Promise<StateAnnouncement | undefined> {
  const person = asPerson(who);
  demand(person, "read");
  const found = isId("sv", id) ? await control.store.read((q) => q.stateAnnouncements.get(id)) : undefined;
  return found && visible(person, found, "state version", id);
}

/** A counted part of the states of a workspace whose bytes have not come, newest first. */
export async function sliceAnnouncements(
  control: Control,
  who: Principal,
  { workspace: reference, ...slice }: Slice & { readonly workspace: Reference },
): Promise<Sliced<StateAnnouncement>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) =>
    q.stateAnnouncements.slice((await findWorkspace(q, person, reference)).id, slice),
  );
}

/** Bytes that lie in the store, sealed. */
interface Arrived {
  readonly blobKey: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Stores the bytes as they come: none of them is held in memory. */
async function arrive(
  control: Control,
  { id, md5 }: StateAnnouncement,
  pieces: AsyncIterable<Uint8Array>,
): Promise<Arrived> {
  const hash = createHash("md5");
  const counted = new CountedPieces(hashed(pieces, hash));
  const maxBytes = control.limits.maxStateBytes;
  const blobKey = await storeSealedPieces(control, counted, { subject: stateSubject(id), maxBytes });
  const actual = hash.digest("hex");
  if (actual === md5) return { blobKey, ...counted.seen };
  await control.blobs.delete(blobKey);
  throw new WindlassError(
    "checksum_mismatch",
    `the state has the MD5 ${actual}, but ${md5} was announced: it was changed on its way, send it again`,
  );
}

async function* hashed(pieces: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** What is known of the state, under the name that was announced. */
async function checkedContent(
  control: Control,
  { id, organizationId, lineage, serial }: StateAnnouncement,
  { blobKey, bytes }: Arrived,
): Promise<StateContent> {
  const source = { of: organizationId, load: async () => [await openState(control, { id, blobKey, bytes })] };
  const content = await control.documents.ask({ kind: "pushed-state" }, source);
  const named = { ...content, lineage: lineage === "" ? content.lineage : lineage, serial };
  const isRenamed = named.lineage !== content.lineage || named.serial !== content.serial;
  // Nobody can give it another name: its own stands inside of what is encrypted.
  if (isRenamed && content.unreadReason !== "")
    throw new WindlassError(
      "validation",
      `the state has the lineage ${content.lineage} and serial ${content.serial} (${content.unreadReason}), and cannot have ${named.lineage} and ${serial}: announce it as what it is`,
    );
  return named;
}

interface Finish {
  readonly person: Person;
  readonly id: string;
  readonly arrived: Arrived;
  readonly content: StateContent;
}

async function finish(tx: Queries, at: Change, { person, id, arrived, content }: Finish): Promise<StateView> {
  const { announcement, workspace } = await openAnnouncement(tx, person, id);
  const { isForced, createdAt: _announcedAt, md5: _md5, ...announced } = announcement;
  const current = await currentOf(tx, workspace);
  if (isOutdated(announcement, current))
    throw serialConflict(
      workspace,
      current,
      `the workspace has got another state, ${current?.id}, since this one was announced`,
    );
  const version: StateVersion = {
    ...announced,
    ...content,
    ...arrived,
    ...ofNoJob,
    ...{ status: "current", quarantineReason: "", rollbackOf: null, createdAt: at.now },
  };
  const isSame = current?.sha256 === arrived.sha256;
  const decision = decideNamed(current ?? null, { ...content, isForced, isSame });
  const succession = { workspace, current, version };
  if (isKnown(decision, succession)) throw serialConflict(workspace, current, `the workspace has this state already`);
  await tx.stateAnnouncements.delete(announcement.id);
  const next = await succeed(tx, succession);
  const detail = { workspace: workspace.name, serial: String(next.serial), forced: String(isForced) };
  const { organizationId } = workspace;
  await record(tx, person, { action: "state.push", resource: next.id, organizationId, detail, at: at.now });
  return viewOf(next, workspace);
}

/** Brings a state whose bytes are there, under the name that its client gives it. The same again changes nothing. */
export async function pushNamedState(
  control: Control,
  who: Principal,
  { bytes, ...wish }: NewAnnouncement & { readonly bytes: Uint8Array },
): Promise<StateView> {
  const announced = await announceState(control, who, wish);
  if (announced.kind === "known") return takeAgain(announced.view, one(bytes));
  const { id } = announced.announcement;
  try {
    return await takeAnnouncedState(control, who, { id, pieces: one(bytes) });
  } catch (error) {
    await control.store.write((tx) => tx.stateAnnouncements.delete(id));
    throw error;
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
