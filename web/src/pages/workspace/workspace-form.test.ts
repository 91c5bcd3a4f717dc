import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Engine, ExecutionMode, WorkspaceSchema } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { changesOf, formOf, mistakesOf, withMode } from "./workspace-form.ts";

const workspace = create(WorkspaceSchema, {
  name: "net",
  executionMode: ExecutionMode.AGENT,
  agentPool: "prod",
  agentSelector: "zone=a",
  engine: Engine.TOFU,
  tags: ["prod", "team:net"],
  planTimeout: { seconds: 5400n },
  parallelism: 20,
  remoteStateConsumers: ["app"],
});

test("what was read and not touched is what would be sent", () => {
  const sent = create(WorkspaceSchema, changesOf(formOf(workspace)));
  expect({ ...sent, initTimeout: undefined, applyTimeout: undefined }).toEqual({
    ...workspace,
    initTimeout: undefined,
    applyTimeout: undefined,
  });
  expect(sent.applyTimeout?.seconds).toBe(0n);
});

test("what cannot be meant is told at its field", () => {
  const form = { ...formOf(workspace), planTimeout: "soon", parallelism: "many", agentPool: "" };
  expect(Object.keys(mistakesOf(form))).toEqual(["planTimeout", "parallelism", "agentPool"]);
  expect(mistakesOf(formOf(workspace))).toEqual({});
});

test("a pool goes with the mode agent, and comes back with it", () => {
  const read = formOf(workspace);
  expect(withMode("local", read)).toEqual({ executionMode: "local", agentPool: "", agentSelector: "" });
  expect(withMode("agent", read)).toEqual({ executionMode: "agent", agentPool: "prod", agentSelector: "zone=a" });
});
