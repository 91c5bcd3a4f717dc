import { expect, test } from "vitest";
import { ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";
import { configuration } from "../../store/fixture-rows.ts";
import { toConfiguration } from "./configuration.ts";
import { shown, unsetFields } from "./testing.ts";

test("an archive is told with its size and sum, and not where it lies", () => {
  const row = configuration({ bytes: 2 ** 53 - 1, blobKey: "place-of-the-archive" });
  const message = toConfiguration({ configuration: row, workspaceName: "network" });
  expect(shown(ConfigurationVersionSchema, message)).toEqual({
    ...{ id: "cv_1", workspace: "network", sizeBytes: "9007199254740991", sha256: "b".repeat(64), fileCount: 3 },
    ...{ createdBy: "ci", createTime: "2026-01-02T03:04:05.678Z" },
  });
  expect(unsetFields(ConfigurationVersionSchema, message)).toEqual([]);
});
