import { describe, expect, test } from "vitest";
import { loadSettings } from "../lib/settings.ts";
import { agentSettings } from "./agent.ts";
import { aliasesSentence } from "./hcp-agent.ts";

const load = (environment: Readonly<Record<string, string>>, flags: Readonly<Record<string, string>> = {}) =>
  loadSettings(agentSettings, { flags, environment });

describe("a variable of HCP Terraform's agents", () => {
  test.each([
    ["TFC_AGENT_TOKEN", "wdl_agt_x", "token", "wdl_agt_x"],
    ["TFC_AGENT_NAME", "vm-7", "name", "vm-7"],
    ["TFC_AGENT_SINGLE", "true", "single", true],
    ["TFC_AGENT_LOG_LEVEL", "TRACE", "logLevel", "debug"],
    ["TFC_AGENT_DATA_DIR", "/srv/agent", "dataDir", "/srv/agent"],
    ["TFC_AGENT_ACCEPT", "plan, apply, policy, assessment", "accept", "plan,apply"],
    ["TFC_AGENT_ACCEPT", "plan,assessment", "accept", "plan"],
    ["TFC_AGENT_HOOK_TIMEOUT", "90", "hookTimeout", 90_000],
    ["TFC_AGENT_HOOK_PRE_PLAN_TIMEOUT", "600", "hookPrePlanTimeout", 600_000],
    ["TFC_AGENT_HOOK_POST_APPLY_TIMEOUT", "1", "hookPostApplyTimeout", 1_000],
  ] as const)("%s=%s is the setting %s", (name, text, setting, value) => {
    expect(load({ [name]: text })).toMatchObject({ values: { [setting]: value }, origins: { [setting]: name } });
  });

  test("gives way to a flag and to one of our own", () => {
    const both = { TFC_AGENT_NAME: "theirs", WINDLASS_AGENT_NAME: "ours" };
    expect(load(both)).toMatchObject({ values: { name: "ours" } });
    expect(load(both, { name: "flag" })).toMatchObject({ values: { name: "flag" } });
  });

  test("is named where its value is none of ours", () => {
    expect(load({ TFC_AGENT_ACCEPT: "everything" })).toMatchObject({
      problems: [expect.stringMatching(/^TFC_AGENT_ACCEPT: expected .*, got "everything"$/)],
    });
    expect(load({ TFC_AGENT_HOOK_TIMEOUT: "601" })).toMatchObject({
      problems: [expect.stringMatching(/^TFC_AGENT_HOOK_TIMEOUT: expected a duration from 1s to 10m/)],
    });
  });

  test("is said in one line, and so is one that is not taken", () => {
    const environment = { TFC_AGENT_NAME: "vm-7", TFC_AGENT_TOKEN: "", TFC_AGENT_REQUEST_FORWARDING: "1" };
    const loaded = load(environment);
    const origins = loaded.kind === "loaded" ? loaded.origins : {};
    expect(aliasesSentence(agentSettings, environment, origins)).toBe(
      "variables of HCP Terraform's agents are taken: TFC_AGENT_NAME as WINDLASS_AGENT_NAME, TFC_AGENT_TOKEN as WINDLASS_AGENT_TOKEN; variables of HCP Terraform's agents that are not taken: TFC_AGENT_REQUEST_FORWARDING",
    );
    expect(aliasesSentence(agentSettings, {}, {})).toBeUndefined();
  });
});
