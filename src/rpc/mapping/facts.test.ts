import type { DescEnum } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { namedValues } from "../../../test/support/mapping.ts";
import { AgentStatusSchema } from "../../gen/windlass/v1/agent_pb.ts";
import { RunStateSchema } from "../../gen/windlass/v1/run_pb.ts";
import { StateStatusSchema } from "../../gen/windlass/v1/state_pb.ts";
import { agentStatuses } from "./agent.ts";
import { toFacts } from "./facts.ts";
import { runStates } from "./run.ts";
import { stateStatuses } from "./state.ts";

const everyWord = (schema: DescEnum, table: Readonly<Record<string, number>>) =>
  Object.entries(namedValues(schema, table));

test.each(everyWord(RunStateSchema, runStates))("a run that is %s is %s in errors too", (word, name) => {
  expect(toFacts("run_not_confirmable", { state: word })).toEqual({ state: name });
  expect(toFacts("workspace_locked", { run_state: word })).toEqual({ run_state: name });
});

test.each(everyWord(AgentStatusSchema, agentStatuses))("an agent in use that is %s is %s", (word, name) => {
  expect(toFacts("agent_in_use", { status: word })).toEqual({ status: name });
});

test.each(everyWord(StateStatusSchema, stateStatuses))("a state that is %s is %s", (word, name) => {
  expect(toFacts("state_not_quarantined", { status: word })).toEqual({ status: name });
});

test.each(["of a newer database", "", "UNSPECIFIED", "constructor", "__proto__"])(
  "a word %j that is no status stays as it is",
  (word) => {
    expect(toFacts("run_not_confirmable", { state: word })).toEqual({ state: word });
    expect(toFacts("agent_in_use", { status: word })).toEqual({ status: word });
    expect(toFacts("state_not_quarantined", { status: word })).toEqual({ status: word });
  },
);

test.each([
  ["organization", "Organization"],
  ["agent pool", "AgentPool"],
  ["agent token", "AgentToken"],
  ["agent", "Agent"],
  ["API key", "ApiKey"],
  ["workspace", "Workspace"],
  ["variable", "Variable"],
  ["variable set", "VariableSet"],
  ["configuration version", "ConfigurationVersion"],
  ["providers setting", "ProviderSettings"],
  ["run", "Run"],
  ["plan", "PlanSummary"],
  ["plan files", "PlanSummary"],
  ["state version", "StateVersion"],
  ["kept directory", "KeptDirectory"],
  ["kept directory of agent vm-1", "KeptDirectory"],
])("what messages call %s is a %s", (resource, message) => {
  expect(toFacts("not_found", { resource })).toEqual({ resource: `windlass.v1.${message}` });
});

test("of a variable the category is told, too", () => {
  const variable = "windlass.v1.Variable";
  expect(toFacts("not_found", { resource: "terraform variable" })).toEqual({
    ...{ resource: variable, category: "VARIABLE_CATEGORY_TERRAFORM" },
  });
  expect(toFacts("not_found", { resource: "env variable", name: "A" })).toEqual({
    ...{ resource: variable, category: "VARIABLE_CATEGORY_ENV", name: "A" },
  });
});

test.each(["upload", "agents", "runner", "my workspace"])(
  "what has no message, like %j, keeps its word",
  (resource) => {
    expect(toFacts("not_found", { resource })).toEqual({ resource });
  },
);

test("every other fact stays as it is", () => {
  const facts = { name: "prod", run_id: "run_1", limit: "10", statuses: "current", "": "" };
  expect(toFacts("not_found", facts)).toEqual(facts);
  expect(toFacts("not_found", {})).toEqual({});
});
