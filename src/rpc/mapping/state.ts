import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { StateOutput, StateView } from "../../control/states.ts";
import type { StateDifference, StateInstance } from "../../domain/state-difference.ts";
import type { StateStatus } from "../../domain/state-version.ts";
import {
  type OutputSchema,
  type StateDifferenceSchema,
  type StateResourceSchema,
  type StateVersionSchema,
  StateStatus as Status,
} from "../../gen/windlass/v1/state_pb.ts";

const statuses: Readonly<Record<StateStatus, Status>> = {
  current: Status.CURRENT,
  superseded: Status.SUPERSEDED,
  quarantined: Status.QUARANTINED,
};

export const toStateVersion = ({ state, workspaceName }: StateView): MessageInitShape<typeof StateVersionSchema> => ({
  id: state.id,
  workspace: workspaceName,
  serial: BigInt(state.serial),
  lineage: state.lineage,
  status: statuses[state.status],
  quarantineReason: state.quarantineReason,
  runId: state.runId ?? "",
  sizeBytes: BigInt(state.bytes),
  sha256: state.sha256,
  terraformVersion: state.terraformVersion,
  resourceCount: state.resourceCount,
  createdBy: state.createdBy,
  rollbackOf: state.rollbackOf ?? "",
  createTime: timestampFromDate(state.createdAt),
});

export const toOutput = ({ name, valueJson }: StateOutput): MessageInitShape<typeof OutputSchema> => ({
  name,
  sensitive: valueJson === null,
  valueJson: valueJson ?? "",
});

export const toStateResource = (instance: StateInstance): MessageInitShape<typeof StateResourceSchema> => ({
  address: instance.address,
  module: instance.module,
  type: instance.type,
  name: instance.name,
  provider: instance.provider,
  resourceId: instance.resourceId,
  data: instance.isData,
  tainted: instance.isTainted,
});

export const toDifference = (difference: StateDifference): MessageInitShape<typeof StateDifferenceSchema> => ({
  added: [...difference.added],
  removed: [...difference.removed],
  changed: difference.changed.map(({ address, attributes }) => ({ address, attributes: [...attributes] })),
  outputs: [...difference.outputs],
});
