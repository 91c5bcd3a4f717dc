import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ListedInstance } from "../../control/documents/questions.ts";
import type { DifferenceRow } from "../../control/documents/state-changes.ts";
import type { StateOutput } from "../../control/documents/state-outputs.ts";
import type { StateView } from "../../control/states/states.ts";
import type { StateStatus } from "../../domain/workspaces/state-version.ts";
import {
  type OutputSchema,
  type StateDifference,
  type StateDifferenceSchema,
  type StateResourceSchema,
  type StateVersionSchema,
  StateStatus as Status,
} from "../../gen/windlass/v1/state_pb.ts";

export const stateStatuses: Readonly<Record<StateStatus, Status>> = {
  current: Status.CURRENT,
  superseded: Status.SUPERSEDED,
  quarantined: Status.QUARANTINED,
};

export const toStateVersion = ({ state, workspaceName }: StateView): MessageInitShape<typeof StateVersionSchema> => ({
  id: state.id,
  workspace: workspaceName,
  serial: BigInt(state.serial),
  lineage: state.lineage,
  status: stateStatuses[state.status],
  quarantineReason: state.quarantineReason,
  runId: state.runId ?? "",
  sizeBytes: BigInt(state.bytes),
  sha256: state.sha256,
  terraformVersion: state.terraformVersion,
  resourceCount: state.resourceCount,
  unreadReason: state.unreadReason,
  createdBy: state.createdBy,
  rollbackOf: state.rollbackOf ?? "",
  createTime: timestampFromDate(state.createdAt),
});

export const toOutput = ({ name, valueJson, valueBytes }: StateOutput): MessageInitShape<typeof OutputSchema> => ({
  name,
  sensitive: valueJson === null,
  valueJson: valueJson ?? "",
  valueBytes: BigInt(valueBytes),
});

export const toStateResource = (instance: ListedInstance): MessageInitShape<typeof StateResourceSchema> => ({
  address: instance.address,
  module: instance.module,
  resourceType: instance.type,
  name: instance.name,
  provider: instance.provider,
  resourceId: instance.resourceId,
  data: instance.isData,
  tainted: instance.isTainted,
});

/** One difference as a whole message: a page is made of many. */
export function toDifference(row: DifferenceRow): MessageInitShape<typeof StateDifferenceSchema> {
  const { kind, name } = row;
  switch (kind) {
    case "added":
      return { added: [name] };
    case "removed":
      return { removed: [name] };
    case "output":
      return { outputs: [name] };
    case "changed": {
      const { attributes, attributesLeftOut } = row;
      return { changed: [{ address: name, attributes: [...attributes], attributesLeftOut }] };
    }
  }
}

export const toJoinedDifference = (
  parts: readonly StateDifference[],
): MessageInitShape<typeof StateDifferenceSchema> => ({
  added: parts.flatMap(({ added }) => added),
  removed: parts.flatMap(({ removed }) => removed),
  changed: parts.flatMap(({ changed }) => changed),
  outputs: parts.flatMap(({ outputs }) => outputs),
});
