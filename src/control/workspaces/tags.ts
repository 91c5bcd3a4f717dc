import type { Principal } from "../../domain/people/principal.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries, TagCount, TagSearch } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findWorkspace, notFound } from "../core/access.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { changeSettings } from "./workspaces.ts";

export interface WantedTags extends Omit<TagSearch, "organizationId"> {
  /** Id or name. */
  readonly organization: string;
  readonly slice: Slice;
}

/** A tag with the organization in which it is. */
export interface OrganizationTags extends Sliced<TagCount> {
  readonly organizationName: string;
}

/** The plain tags of an organization's workspaces. */
export async function listTags(
  control: Control,
  who: Principal,
  { organization: reference, slice, ...wanted }: WantedTags,
): Promise<OrganizationTags> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const { id, name } = await findOrganization(q, person, reference);
    return { organizationName: name, ...(await q.workspaces.tags({ ...wanted, organizationId: id }, slice)) };
  });
}

export interface TagRemoval {
  readonly organization: string;
  readonly tags: readonly string[];
}

/** Takes tags from every workspace of an organization: then there are none of that name. */
export async function deleteTags(control: Control, who: Principal, { organization, tags }: TagRemoval): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const { id } = await findOrganization(tx, person, organization);
    demand(person, "operate");
    const gone = new Set(tags);
    for (const tag of gone) {
      for (const workspace of await taggedWith(tx, id, tag)) {
        const left = workspace.tags.filter((one) => !gone.has(one));
        await changeSettings(tx, at, { person, workspace, changes: { tags: left } });
      }
    }
  });
}

async function taggedWith(tx: Queries, organizationId: TagSearch["organizationId"], tag: string) {
  const limit = await tx.workspaces.count(organizationId);
  return tx.workspaces.list({ organizationId, poolId: null, tags: [tag] }, { after: null, limit });
}

export interface Tagging {
  readonly organization: string;
  /** A tag that some workspace has. */
  readonly tag: string;
  /** Ids or names. */
  readonly workspaces: readonly string[];
}

/** Gives a tag to more workspaces of its organization, all or none. */
export async function tagWorkspaces(
  control: Control,
  who: Principal,
  { organization, tag, workspaces }: Tagging,
): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const { id } = await findOrganization(tx, person, organization);
    const some = await tx.workspaces.list({ organizationId: id, poolId: null, tags: [tag] }, { after: null, limit: 1 });
    if (some.length === 0) throw notFound("tag", tag);
    demand(person, "operate");
    for (const name of new Set(workspaces)) {
      const workspace = await findWorkspace(tx, person, { organization: id, name });
      if (workspace.organizationId !== id) throw notFound("workspace", name);
      if (workspace.tags.includes(tag)) continue;
      await changeSettings(tx, at, { person, workspace, changes: { tags: [...workspace.tags, tag] } });
    }
  });
}
