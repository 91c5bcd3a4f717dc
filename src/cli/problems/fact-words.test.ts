import { expect, test } from "vitest";
import { factWords } from "./fact-words.ts";

test.each([
  [
    { resource: "windlass.v1.AgentPool", name: "prod" },
    { resource: "agent pool", name: "prod" },
  ],
  [{ resource: "windlass.v1.ApiKey" }, { resource: "API key" }],
  [{ resource: "windlass.v1.ConfigurationVersion" }, { resource: "configuration version" }],
  [{ resource: "windlass.v1.ProviderSettings" }, { resource: "providers setting" }],
  [
    { resource: "windlass.v1.Variable", category: "VARIABLE_CATEGORY_ENV" },
    { resource: "env variable", category: "env" },
  ],
  [
    { run_id: "run_1", state: "RUN_STATE_PLANNED_AND_FINISHED" },
    { run_id: "run_1", state: "planned_and_finished" },
  ],
  [
    { run_state: "RUN_STATE_PLANNED", workspace: "RUN_STATE" },
    { run_state: "planned", workspace: "RUN_STATE" },
  ],
  [
    { agent: "vm-1", status: "AGENT_STATUS_IDLE" },
    { agent: "vm-1", status: "idle" },
  ],
  [
    { resource: "agent pool", state: "applied" },
    { resource: "agent pool", state: "applied" },
  ],
])("%j reads %j", (facts, words) => {
  expect(factWords(facts)).toEqual(words);
});
