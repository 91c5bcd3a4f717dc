import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { OrganizationId } from "../../lib/words/ids.ts";
import type { Resource } from "../core/answers.ts";
import { namedIn, toNamedId } from "../core/ids.ts";

/** A plain tag of an organization: its id tells both. */
export interface TagName {
  readonly organizationId: OrganizationId;
  readonly tag: string;
}

export interface TagFacts extends TagName {
  readonly organizationName: string;
  /** How many workspaces have it, where that is known. */
  readonly workspaces?: number | undefined;
}

const toTagId = ({ organizationId, tag }: TagName): string => toNamedId("tag", organizationId, tag);

/** What the id of a tag names; undefined for anything else. */
export function fromTagId(text: string): TagName | undefined {
  const named = namedIn("tag", "org", text);
  return named && { organizationId: named.owner, tag: named.name };
}

export const toTag = (facts: TagFacts): Resource => ({
  type: "tags",
  id: toTagId(facts),
  attributes: {
    name: facts.tag,
    ...(facts.workspaces === undefined ? {} : { "instance-count": facts.workspaces }),
  },
  relationships: { organization: { data: { type: "organizations", id: facts.organizationName } } },
});

/** Every tag of a workspace as a key, with its value if it has one, by key. */
export function bindingsOf({
  tags,
  tagBindings,
}: Pick<Workspace, "tags" | "tagBindings">): readonly [string, string][] {
  const plain = tags.map((tag): [string, string] => [tag, ""]);
  return [...plain, ...Object.entries(tagBindings)].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** A workspace inherits no tags: those that have effect are its own. */
export const toTagBinding = (
  type: "tag-bindings" | "effective-tag-bindings",
  { id }: Pick<Workspace, "id">,
  [key, value]: readonly [string, string],
): Resource => ({
  type,
  id: toNamedId("tb", id, key),
  attributes: { key, ...(value === "" ? {} : { value }) },
});
