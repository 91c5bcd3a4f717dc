import * as z from "zod";
import type { WantedVariable } from "../../control/workspaces/variable-checks.ts";
import type { StoredVariable } from "../../domain/workspaces/variable.ts";
import type { Relationship, Resource, ResourceName } from "../core/answers.ts";
import { noRelationships, toOne } from "../core/body.ts";
import { toTfeId } from "../core/ids.ts";

const text = z.string().nullish();
const flag = z.boolean().nullish();
const category = z.enum(["terraform", "env"]);
const attributes = z.object({ key: z.string(), value: text, description: text, category, hcl: flag, sensitive: flag });

/** A variable that is to be made. */
export const newVariableShape = { types: ["vars"], attributes, relationships: noRelationships } as const;

/** The same where the path does not say whose it is to be. */
export const placedVariableShape = {
  ...newVariableShape,
  relationships: z.object({ workspace: toOne }),
} as const;

/** A variable that is to be changed: what is not said stays. */
export const variableShape = {
  types: ["vars"],
  attributes: attributes.partial(),
  relationships: noRelationships,
} as const;

export const newVariableAttributes = attributes;

export const fromNewVariable = (said: z.infer<typeof attributes>): WantedVariable => ({
  key: said.key,
  value: said.value ?? "",
  description: said.description ?? "",
  category: said.category,
  isHcl: said.hcl ?? false,
  isSensitive: said.sensitive ?? false,
});

export const fromVariable = ({
  key,
  value,
  description,
  category: kind,
  hcl,
  sensitive,
}: z.infer<(typeof variableShape)["attributes"]>): Partial<WantedVariable> => ({
  ...(key === undefined ? {} : { key }),
  ...(value === undefined || value === null ? {} : { value }),
  ...(description === undefined ? {} : { description: description ?? "" }),
  ...(kind === undefined ? {} : { category: kind }),
  ...(typeof hcl === "boolean" ? { isHcl: hcl } : {}),
  ...(typeof sensitive === "boolean" ? { isSensitive: sensitive } : {}),
});

/** Whose a variable is. */
export type VariableOwner =
  | { readonly kind: "workspace"; readonly id: string }
  | { readonly kind: "set"; readonly id: string };

export const toVariableName = (id: string): ResourceName => ({ type: "vars", id: toTfeId(id) });

/** A variable as clients know it; the value of a sensitive one is never told. */
export const toVariable = (row: StoredVariable, owner: VariableOwner): Resource => {
  const { relationships, path } = placeOf(owner);
  return {
    ...toVariableName(row.id),
    attributes: {
      key: row.key,
      value: row.isSensitive ? null : row.value,
      sensitive: row.isSensitive,
      category: row.category,
      hcl: row.isHcl,
      description: row.description,
      "version-id": `${toTfeId(row.id)}-${row.revision}`,
      "updated-at": row.updatedAt.toISOString(),
    },
    relationships,
    links: { self: `${path}/${toTfeId(row.id)}` },
  };
};

interface Place {
  readonly relationships: Readonly<Record<string, Relationship>>;
  readonly path: string;
}

function placeOf({ kind, id }: VariableOwner): Place {
  const tfeId = toTfeId(id);
  switch (kind) {
    case "workspace":
      return {
        relationships: { configurable: { data: { type: "workspaces", id: tfeId } } },
        path: `/api/v2/workspaces/${tfeId}/vars`,
      };
    case "set":
      return {
        relationships: { varset: { data: { type: "varsets", id: tfeId } } },
        path: `/api/v2/varsets/${tfeId}/relationships/vars`,
      };
  }
}
