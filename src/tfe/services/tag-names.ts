import { notFound } from "../../control/core/access.ts";
import { invalid } from "../../control/core/refusals.ts";
import type { Organization } from "../../domain/people/organization.ts";
import { fromTagId } from "../mapping/tag.ts";

interface Said {
  readonly id?: string | undefined;
  readonly attributes: { readonly name?: string | null | undefined };
}

/** The names of tags of an organization, said by their id or their name. */
export const namedTags = ({ id }: Pick<Organization, "id">, said: readonly Said[]): readonly string[] =>
  said.map((one, index) => {
    const { name } = one.attributes;
    if (typeof name === "string" && name !== "") return name;
    const text = one.id ?? "";
    if (text === "") throw invalid(`/data/${index}`, "expected the name of a tag, or its id");
    const tag = fromTagId(text);
    if (tag === undefined || tag.organizationId !== id) throw notFound("tag", text.slice(0, 100));
    return tag.tag;
  });
