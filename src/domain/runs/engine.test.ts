import { expect, test } from "vitest";
import type { AgentEngines } from "../agents/agent.ts";
import { engineFit, engineRequirementOf, enginesText, isTofuAlone, optionProblem } from "./engine.ts";

const terraform = { engine: "terraform", engineVersion: "~> 1.11" } as const;

test.each([
  ["a plan: the workspace's", { phase: "plan", engine: null, engineVersion: "" }, "terraform", "~> 1.11", ""],
  [
    "a plan of a version of its own",
    { phase: "plan", engine: null, engineVersion: "1.10.0" },
    "terraform",
    "1.10.0",
    "",
  ],
  [
    "an apply: what made the plan",
    { phase: "apply", engine: "tofu", engineVersion: "1.12.6" },
    "tofu",
    "1.12.6",
    "1.12.6",
  ],
  [
    "an apply of an older agent's plan",
    { phase: "apply", engine: null, engineVersion: "" },
    "terraform",
    "~> 1.11",
    "",
  ],
] as const)("%s", (_, job, engine, constraint, planVersion) => {
  expect(engineRequirementOf(job, terraform)).toEqual({ engine, constraint, planVersion });
});

const agent: AgentEngines = {
  programs: [
    { engine: "terraform", version: "1.11.4" },
    { engine: "tofu", version: "1.12.6-dev" },
  ],
  downloads: [{ engine: "terraform", source: "https://releases.example.com" }],
};

const having = (...engines: ReadonlyArray<"terraform" | "tofu">): AgentEngines => ({
  programs: engines.map((engine) => ({ engine, version: "1.11.0" })),
  downloads: [],
});
const agentWithDownloads: AgentEngines = { programs: [], downloads: agent.downloads };

test.each([
  ["terraform", "", "has"],
  ["terraform", "1.11.4", "has"],
  ["terraform", "~> 1.12", "may-download"],
  ["tofu", "1.12.6-dev", "has"],
  ["tofu", "~> 1.12", "lacks"],
  ["tofu", "", "has"],
  ["tofu", "no version", "has"],
] as const)("%s %j: %s", (engine, constraint, fit) => {
  expect(engineFit(agent, { engine, constraint, planVersion: "" })).toBe(fit);
  expect(engineFit(null, { engine, constraint, planVersion: "" })).toBe("unknown");
});

test.each([
  ["nobody", [], false],
  ["tofu", [having("tofu")], true],
  ["both on one", [having("tofu", "terraform")], false],
  ["one each", [having("tofu"), having("terraform")], false],
  ["nothing but downloads beside tofu", [having("tofu"), agentWithDownloads], true],
  ["one that does not say", [having("tofu"), null], false],
  ["terraform", [having("terraform")], false],
] as const)("OpenTofu is alone where agents have %s: %s", (_, agents, expected) => {
  expect(isTofuAlone(agents)).toBe(expected);
});

test("what an agent has is told in a few words", () => {
  expect(enginesText(agent)).toBe("terraform 1.11.4, tofu 1.12.6-dev, downloads terraform");
  expect(enginesText({ programs: [], downloads: [] })).toBe("neither terraform nor tofu");
});

const options = { targets: [], isDestroy: false };
test.each([
  ["nothing special", options, undefined, undefined],
  ["targets", { ...options, targets: ["a.b"] }, undefined, undefined],
  ["excludes", { ...options, excludes: ["a.b"] }, /only OpenTofu has -exclude/, undefined],
  ["both", { ...options, targets: ["a.b"], excludes: ["a.c"] }, /only OpenTofu/, /targets or excludes/],
  [
    "a destroy that may forget",
    { ...options, isDestroy: true, suppressesForgetErrors: true },
    /-suppress-f/,
    undefined,
  ],
  ["no destroy", { ...options, suppressesForgetErrors: true }, /-suppress-forget-errors/, /only a destroy run/],
] as const)("options of a run, %s: what terraform and tofu refuse", (_, asked, ofTerraform, ofTofu) => {
  for (const [engine, expected] of [
    ["terraform", ofTerraform],
    ["tofu", ofTofu],
  ] as const) {
    const why = optionProblem(asked, engine)?.why;
    if (expected === undefined) expect(why).toBeUndefined();
    else expect(why).toMatch(expected);
  }
});
