import { expect, test } from "vitest";
import { namedValues, shown, unnamedValues, unsetFields } from "../../../test/support/mapping.ts";
import { at, configuration } from "../../../test/support/store/rows.ts";
import { ConfigurationStatusSchema, ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";
import { configurationStatuses, toConfiguration } from "./configuration.ts";

test("an archive is told with its size and sum, and not where it lies", () => {
  const row = configuration({ bytes: 2 ** 53 - 1, blobKey: "place-of-the-archive" });
  const message = toConfiguration({ configuration: row, workspaceName: "network" });
  expect(shown(ConfigurationVersionSchema, message)).toEqual({
    ...{ id: "cv_1", workspace: "network", sizeBytes: "9007199254740991", sha256: "b".repeat(64), fileCount: 3 },
    ...{ createdBy: "ci", createTime: "2026-01-02T03:04:05.678Z", status: "CONFIGURATION_STATUS_UPLOADED" },
  });
});

test("what was announced is told with what it is for, and why it was refused", () => {
  const row = configuration({
    ...{ status: "errored", errorMessage: "no gzip", isSpeculative: true, isProvisional: true, queuesRun: true },
    uploadedAt: at(1),
  });
  const message = toConfiguration({ configuration: row, workspaceName: "network" });
  expect(shown(ConfigurationVersionSchema, message)).toMatchObject({
    ...{ status: "CONFIGURATION_STATUS_ERRORED", errorMessage: "no gzip", speculative: true, provisional: true },
    ...{ autoQueueRuns: true, uploadTime: "2026-01-02T03:04:06.678Z" },
  });
  expect(unsetFields(ConfigurationVersionSchema, message)).toEqual([]);
});

test("each status has its value", () => {
  expect(namedValues(ConfigurationStatusSchema, configurationStatuses)).toEqual({
    ...{ pending: "CONFIGURATION_STATUS_PENDING", uploaded: "CONFIGURATION_STATUS_UPLOADED" },
    ...{ errored: "CONFIGURATION_STATUS_ERRORED", archived: "CONFIGURATION_STATUS_ARCHIVED" },
  });
  expect(unnamedValues(ConfigurationStatusSchema, configurationStatuses)).toEqual([]);
});
