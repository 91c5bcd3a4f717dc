import * as z from "zod";
import type { LinkedSet } from "../../control/workspaces/set-links.ts";
import type { VariableSetSettings } from "../../control/workspaces/variable-sets.ts";
import type { Resource } from "../core/answers.ts";
import { toMany, toManyOf } from "../core/body.ts";
import { toTfeId, toTime } from "../core/ids.ts";
import { newVariableAttributes, toVariableName } from "./variable.ts";

const flag = z.boolean().nullish();
const attributes = z.object({
  name: z.string().optional(),
  description: z.string().nullish(),
  global: flag,
  priority: flag,
});
const parent = z.object({ data: z.object({ type: z.string(), id: z.string() }).nullable() }).optional();
const relationships = z.object({
  workspaces: toMany.optional(),
  projects: toMany.optional(),
  stacks: toMany.optional(),
  parent,
});

export const variableSetShape = { types: ["varsets"], attributes, relationships } as const;

/** A set that is to be made may bring its variables. */
export const newVariableSetShape = {
  ...variableSetShape,
  relationships: relationships.extend({ vars: toManyOf(newVariableAttributes).optional() }),
} as const;

export const fromVariableSet = ({
  name,
  description,
  global: isGlobal,
  priority: isPriority,
}: z.infer<typeof attributes>): Partial<VariableSetSettings> => ({
  ...(name === undefined ? {} : { name }),
  ...(description === undefined ? {} : { description: description ?? "" }),
  ...(typeof isGlobal === "boolean" ? { isGlobal } : {}),
  ...(typeof isPriority === "boolean" ? { isPriority } : {}),
});

/** A variable set as clients know it. */
export function toVariableSet({ set, organizationName, workspaceIds, variableIds }: LinkedSet): Resource {
  const id = toTfeId(set.id);
  const organization = { data: { type: "organizations", id: organizationName } };
  return {
    type: "varsets",
    id,
    attributes: {
      name: set.name,
      description: set.description,
      global: set.isGlobal,
      priority: set.isPriority,
      "created-at": toTime(set.createdAt),
      "updated-at": toTime(set.updatedAt),
      "var-count": variableIds.length,
      "workspace-count": workspaceIds.length,
      "project-count": 0,
    },
    relationships: {
      organization,
      parent: organization,
      workspaces: { data: workspaceIds.map((one) => ({ type: "workspaces", id: toTfeId(one) })) },
      projects: { data: [] },
      vars: { data: variableIds.map(toVariableName) },
    },
    links: { self: `/api/v2/varsets/${id}` },
  };
}
