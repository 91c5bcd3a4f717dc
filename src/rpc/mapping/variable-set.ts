import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { etagOf } from "../../control/core/etags.ts";
import type { VariableSetSettings, VariableSetView } from "../../control/workspaces/variable-sets.ts";
import type { VariableSet as VariableSetMessage, VariableSetSchema } from "../../gen/windlass/v1/variable_pb.ts";
import type { UpdatableFields } from "./field-mask.ts";

export const toVariableSet = ({
  set,
  organizationName,
  workspaces,
  variableCount,
}: VariableSetView): MessageInitShape<typeof VariableSetSchema> => ({
  id: set.id,
  name: set.name,
  organization: organizationName,
  description: set.description,
  isGlobal: set.isGlobal,
  isPriority: set.isPriority,
  workspaces: [...workspaces],
  variableCount,
  createTime: timestampFromDate(set.createdAt),
  updateTime: timestampFromDate(set.updatedAt),
  etag: etagOf(set),
});

export const fromVariableSet = ({
  name,
  description,
  isGlobal,
  isPriority,
}: VariableSetMessage): VariableSetSettings => ({
  name,
  description,
  isGlobal,
  isPriority,
});

export const variableSetFields: UpdatableFields<VariableSetMessage, VariableSetSettings> = {
  name: ({ name }) => ({ name }),
  description: ({ description }) => ({ description }),
  is_global: ({ isGlobal }) => ({ isGlobal }),
  is_priority: ({ isPriority }) => ({ isPriority }),
};
