import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConfigurationView } from "../../control/workspaces/configurations.ts";
import type { ConfigurationStatus } from "../../domain/workspaces/configuration.ts";
import {
  type ConfigurationVersionSchema,
  ConfigurationStatus as Status,
} from "../../gen/windlass/v1/configuration_pb.ts";

export const configurationStatuses: Readonly<Record<ConfigurationStatus, Status>> = {
  pending: Status.PENDING,
  uploaded: Status.UPLOADED,
  errored: Status.ERRORED,
  archived: Status.ARCHIVED,
};

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
  status: configurationStatuses[configuration.status],
  errorMessage: configuration.errorMessage,
  speculative: configuration.isSpeculative,
  provisional: configuration.isProvisional,
  autoQueueRuns: configuration.queuesRun,
  uploadTime: configuration.uploadedAt === null ? undefined : timestampFromDate(configuration.uploadedAt),
});
