import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { WantedVariable } from "../../control/workspaces/variable-checks.ts";
import type { EffectiveVariable } from "../../domain/workspaces/effective-variables.ts";
import type { StoredVariable, VariableCategory } from "../../domain/workspaces/variable.ts";
import {
  VariableCategory as Category,
  type EffectiveVariableSchema,
  type Variable as VariableMessage,
  type VariableSchema,
} from "../../gen/windlass/v1/variable_pb.ts";

export const variableCategories: Readonly<Record<VariableCategory, Category>> = {
  terraform: Category.TERRAFORM,
  env: Category.ENV,
};

export const toVariable = (row: StoredVariable): MessageInitShape<typeof VariableSchema> => ({
  id: row.id,
  key: row.key,
  value: row.isSensitive ? "" : row.value,
  category: variableCategories[row.category],
  hcl: row.isHcl,
  sensitive: row.isSensitive,
  description: row.description,
  updateTime: timestampFromDate(row.updatedAt),
});

/** Of how many sets that a value hides the names are told. */
const maxOverrides = 100;

export const toEffectiveVariable = ({
  variable,
  set,
  hidden,
}: EffectiveVariable): MessageInitShape<typeof EffectiveVariableSchema> => ({
  variable: toVariable(variable),
  variableSet: set?.name ?? "",
  overrides: hidden.slice(0, maxOverrides).map(({ name }) => name),
});

/** Unspecified is terraform. */
export const fromCategory = (category: Category): VariableCategory => (category === Category.ENV ? "env" : "terraform");

export const fromVariable = (message: VariableMessage): WantedVariable => ({
  key: message.key,
  value: message.value,
  category: fromCategory(message.category),
  isHcl: message.hcl,
  isSensitive: message.sensitive,
  description: message.description,
});
