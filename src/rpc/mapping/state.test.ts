import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { namedValues, shown, unnamedValues, unsetFields } from "../../../test/support/mapping.ts";
import { state } from "../../../test/support/store/rows.ts";
import type { DifferenceRow } from "../../control/documents/state-changes.ts";
import {
  OutputSchema,
  StateDifferenceSchema,
  StateResourceSchema,
  StateStatusSchema,
  StateVersionSchema,
} from "../../gen/windlass/v1/state_pb.ts";
import { stateStatuses, toDifference, toJoinedDifference, toOutput, toStateResource, toStateVersion } from "./state.ts";

test("each status of a state has its value", () => {
  expect(namedValues(StateStatusSchema, stateStatuses)).toEqual({
    current: "STATE_STATUS_CURRENT",
    superseded: "STATE_STATUS_SUPERSEDED",
    quarantined: "STATE_STATUS_QUARANTINED",
  });
  expect(unnamedValues(StateStatusSchema, stateStatuses)).toEqual([]);
});

test("a state is told with all that is known of it but where it lies and who of its job wrote it", () => {
  const row = state({
    ...{ serial: 2 ** 53 - 2 ** 20, bytes: 2 ** 40, status: "quarantined", quarantineReason: "its lineage is another" },
    ...{ unreadReason: "it is encrypted", createdBy: "ann", rollbackOf: "sv_0", blobKey: "place-of-the-state" },
  });
  const message = toStateVersion({ state: row, workspaceName: "network" });
  expect(shown(StateVersionSchema, message)).toEqual({
    ...{ id: "sv_1", workspace: "network", serial: "9007199253692416", lineage: "lineage-1", runId: "run_1" },
    ...{ status: "STATE_STATUS_QUARANTINED", quarantineReason: "its lineage is another", sizeBytes: "1099511627776" },
    ...{ sha256: "c".repeat(64), terraformVersion: "1.9.0", resourceCount: 1, unreadReason: "it is encrypted" },
    ...{ createdBy: "ann", rollbackOf: "sv_0", createTime: "2026-01-02T03:04:05.678Z" },
  });
  expect(unsetFields(StateVersionSchema, message)).toEqual([]);
});

test("a state that somebody pushed belongs to no run and repeats none", () => {
  const message = toStateVersion({ state: state({ runId: null, serial: 0 }), workspaceName: "network" });
  expect(unsetFields(StateVersionSchema, message)).toEqual([
    ...["serial", "quarantine_reason", "run_id", "created_by", "rollback_of", "unread_reason"],
  ]);
});

test.each([
  ["a value", { valueJson: '{"a":1}', valueBytes: 7 }, { valueJson: '{"a":1}', valueBytes: "7" }],
  ["null, which is a value", { valueJson: "null", valueBytes: 4 }, { valueJson: "null", valueBytes: "4" }],
  ["one that is too long to show", { valueJson: "", valueBytes: 2 ** 33 }, { valueBytes: "8589934592" }],
  ["a sensitive one, of which not even the size is told", { valueJson: null, valueBytes: 0 }, { sensitive: true }],
])("an output: %s", (_, output, told) => {
  expect(shown(OutputSchema, toOutput({ name: "url", ...output }))).toEqual({ name: "url", ...told });
});

test("an instance is told by its address, its parts and what it is", () => {
  const instance = {
    ...{ address: 'module.a.null_resource.b["c"]', module: "module.a", type: "null_resource", name: "b" },
    ...{ provider: "hashicorp/null", resourceId: "1", isData: true, isTainted: true },
  };
  expect(shown(StateResourceSchema, toStateResource(instance))).toEqual({
    ...{ address: 'module.a.null_resource.b["c"]', module: "module.a", resourceType: "null_resource", name: "b" },
    ...{ provider: "hashicorp/null", resourceId: "1", data: true, tainted: true },
  });
  expect(unsetFields(StateResourceSchema, toStateResource(instance))).toEqual([]);
});

const rows: readonly DifferenceRow[] = [
  { kind: "added", name: "a.new" },
  { kind: "removed", name: "a.old" },
  { kind: "changed", name: "a.same", attributes: ["size", "tags"], attributesLeftOut: 3 },
  { kind: "output", name: "url" },
];

test("each kind of difference has its own list, and joined they are one answer in their order", () => {
  const parts = [...rows, { kind: "added", name: "a.newer" } as const].map((row) =>
    create(StateDifferenceSchema, toDifference(row)),
  );
  const joined = toJoinedDifference(parts);
  expect(shown(StateDifferenceSchema, joined)).toEqual({
    ...{ added: ["a.new", "a.newer"], removed: ["a.old"], outputs: ["url"] },
    changed: [{ address: "a.same", attributes: ["size", "tags"], attributesLeftOut: 3 }],
  });
  expect(unsetFields(StateDifferenceSchema, joined)).toEqual([]);
  expect(shown(StateDifferenceSchema, toJoinedDifference([]))).toEqual({});
});
