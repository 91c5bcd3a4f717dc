import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { StateOutput, StateView } from "../../control/states.ts";
import type { StateStatus } from "../../domain/state-version.ts";
import { type OutputSchema, type StateVersionSchema, StateStatus as Status } from "../../gen/windlass/v1/state_pb.ts";

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
  createTime: timestampFromDate(state.createdAt),
});

export const toOutput = ({ name, valueJson }: StateOutput): MessageInitShape<typeof OutputSchema> => ({
  name,
  sensitive: valueJson === null,
  valueJson: valueJson ?? "",
});
