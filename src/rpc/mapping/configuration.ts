import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConfigurationView } from "../../control/workspaces/configurations.ts";
import type { ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";

export const toConfiguration = ({
  configuration,
  workspaceName,
}: ConfigurationView): MessageInitShape<typeof ConfigurationVersionSchema> => ({
  id: configuration.id,
  workspace: workspaceName,
  sizeBytes: BigInt(configuration.bytes),
  sha256: configuration.sha256,
  fileCount: configuration.fileCount,
  createdBy: configuration.createdBy,
  createTime: timestampFromDate(configuration.createdAt),
});
