import type { Person, Principal } from "../../domain/people/principal.ts";
import type { StateAnnouncement, StateVersion } from "../../domain/workspaces/state-version.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, visible } from "../core/access.ts";
import { actorOf } from "../core/audit.ts";
import { changeAbout, forgetAfter } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { readSealed, storeSealedPieces } from "../core/sealed-blobs.ts";
import type { AnnouncedBytes } from "./announcements.ts";
import { findState } from "./states.ts";

/** What the sealed bytes of the form for programs are bound to. */
export const jsonStateSubject = (id: StateVersion["id"]): string => `json-state/${id}`;

/** The form for programs says what the state says, without its white space and with a second tree of what is sensitive. */
export const maxJsonStateBytes = ({ limits }: Pick<Control, "limits">): number => 2 * limits.maxStateBytes;

/** Whose form for programs is to come: a state that is announced, or one that has come first. */
type Holder =
  | { readonly kind: "awaited"; readonly row: StateAnnouncement }
  | { readonly kind: "stored"; readonly row: StateVersion };

/** Keeps the form for programs of a state that the same person brings. It is given back as it came, and nothing is read in it. */
export async function takeJsonState(control: Control, who: Principal, { id, pieces }: AnnouncedBytes): Promise<void> {
  const person = asPerson(who);
  const holder = await control.store.read((q) => findHolder(q, person, id));
  const subject = jsonStateSubject(holder.row.id);
  const blobKey = await storeSealedPieces(control, pieces, { subject, maxBytes: maxJsonStateBytes(control) });
  try {
    await changeAbout(control, id, async (tx, at) => {
      const now = await findHolder(tx, person, id);
      if (now.row.jsonBlobKey !== null) at.unneeded.add(now.row.jsonBlobKey);
      if (now.kind === "awaited") await tx.stateAnnouncements.save({ ...now.row, jsonBlobKey: blobKey });
      else await tx.states.save({ ...now.row, jsonBlobKey: blobKey });
    });
  } catch (error) {
    await forgetAfter(control, blobKey, error);
    throw error;
  }
}

async function findHolder(q: Queries, person: Person, id: string): Promise<Holder> {
  demand(person, "operate");
  const awaited = isId("sv", id) ? await q.stateAnnouncements.get(id) : undefined;
  const stored = isId("sv", id) ? await q.states.get(id) : undefined;
  const row = visible(person, awaited ?? stored, "state version", id);
  if (row.createdBy !== actorOf(person))
    throw new WindlassError("permission_denied", `state version ${id} was brought by somebody else`, {
      metadata: { action: "upload state" },
    });
  return awaited === undefined
    ? { kind: "stored", row: visible(person, stored, "state version", id) }
    : { kind: "awaited", row: awaited };
}

/** The form for programs as its uploader made it, in pieces. It may hold secrets: looking alone is not enough. */
export async function* downloadJsonState(
  control: Control,
  who: Principal,
  id: string,
): AsyncGenerator<Uint8Array, void> {
  const person = asPerson(who);
  demand(person, "plan");
  const { state } = await control.store.read((q) =>
    findState(q, person, { id, workspace: { organization: "", name: "" } }),
  );
  if (state.jsonBlobKey === null)
    throw new WindlassError("not_found", `state version ${id} has no form for programs`, {
      metadata: { resource: "form for programs of state version", name: id },
    });
  yield* readSealed(control, state.jsonBlobKey, jsonStateSubject(state.id));
}
