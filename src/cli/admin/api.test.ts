import { expect, test } from "vitest";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { requestOf } from "./api.ts";

test.each([
  ["18446744073709551615", 18446744073709551615n],
  ['"9007199254740993"', 9007199254740993n],
  ["9007199254740993", 9007199254740993n],
  ["1E5", 100_000n],
  ["-0", 0n],
])("a whole number of a request keeps its digits: %s", (written, offset) => {
  expect(requestOf(RunService.method.streamRunLogs, `{"runId":"run_1","offset":${written}}`)).toMatchObject({ offset });
});

test.each(["1e400", "18446744073709551616", "1.5", '{"__proto__":1}', "01"])("%s is none", (written) => {
  expect(() => requestOf(RunService.method.streamRunLogs, `{"offset":${written}}`)).toThrow(
    "--data is no StreamRunLogsRequest",
  );
});
