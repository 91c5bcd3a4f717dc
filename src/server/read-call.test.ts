import { describe, expect, test } from "vitest";
import { readProgramCall } from "../agent/program/program-config.ts";
import { clientVariables, unknownVariables } from "../cli/line/environment.ts";
import { settingVariables } from "../lib/settings.ts";
import { agentSettings } from "../settings/agent.ts";
import { knownVariables } from "../settings/known-variables.ts";
import { serverSettings } from "../settings/server.ts";
import { readSettings } from "./read-call.ts";

/** A variable whose value would be wrong for its own program says nothing here: only names are looked at. */
const about = (problems: readonly string[], name: string): readonly string[] =>
  problems.filter((problem) => problem.startsWith(`${name} is not a variable`));

const agentProblems = (environment: Readonly<Record<string, string>>): readonly string[] => {
  const call = readProgramCall([], environment);
  return call.kind === "invalid" ? call.problems : [];
};

const serverProblems = (environment: Readonly<Record<string, string>>): readonly string[] => {
  const loaded = readSettings({}, environment);
  return loaded.kind === "invalid" ? loaded.problems : [];
};

describe("programs that share an environment", () => {
  const all = new Set([
    ...settingVariables(serverSettings),
    ...settingVariables(agentSettings),
    ...Object.keys(clientVariables),
  ]);

  test("know every variable of each other: the list is that of their settings", () => {
    expect([...all].filter((name) => !knownVariables.includes(name))).toEqual([]);
  });

  test.each([...all].sort())("%s is a mistake to none of them", async (name) => {
    const environment = { [name]: "x" };
    expect(about(agentProblems(environment), name)).toEqual([]);
    expect(about(serverProblems(environment), name)).toEqual([]);
    expect(await unknownVariables(environment)).toEqual([]);
  });

  test("still hear of a name that is nobody's", async () => {
    const environment = { WINDLASS_LISTENN: "x" };
    expect(about(agentProblems(environment), "WINDLASS_LISTENN")).toHaveLength(1);
    expect(about(serverProblems(environment), "WINDLASS_LISTENN")).toHaveLength(1);
    expect(await unknownVariables(environment)).toHaveLength(1);
  });
});
