import { allows, type Permission, type Principal } from "../../domain/people/principal.ts";
import { type IdPrefix, idPrefixes } from "../../lib/words/ids.ts";
import { asPerson, demand } from "./access.ts";
import type { Control } from "./control.ts";

const maxIds = 20;

/** What a role must allow to see that things of a kind exist; reading, unless said here. */
const needed: Readonly<Partial<Record<IdPrefix, Permission>>> = { key: "own" };

/** The ids that begin with this text, among what the person may see. Site admins see all organizations. */
export async function findIds(control: Control, who: Principal, text: string): Promise<readonly string[]> {
  const person = asPerson(who);
  demand(person, "read");
  const kind = idPrefixes.find((prefix) => text.startsWith(`${prefix}_`));
  if (kind === undefined || !allows(person, needed[kind] ?? "read")) return [];
  const organizationId = person.role === "site_admin" ? null : person.organizationId;
  if (organizationId === null && person.role !== "site_admin") return [];
  return control.store.read((q) => q.ids.beginningWith(kind, { text, organizationId, limit: maxIds }));
}
