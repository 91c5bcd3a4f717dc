import { describe, expect, test } from "vitest";
import { featuresOf, featuresText, jobFeatures, knowsAll } from "./job-features.ts";

describe("what an agent has to know", () => {
  test.each([
    ["nothing is asked for", {}, [], []],
    ["the list of excludes is empty", { excludes: [] }, [], []],
    ["something is excluded: the plan alone is told of it", { excludes: ["t.a"] }, ["excludes"], []],
    [
      "errors are suppressed: the apply alone is told",
      { suppressesForgetErrors: true },
      [],
      ["suppress_forget_errors"],
    ],
    ["errors are not suppressed", { suppressesForgetErrors: false }, [], []],
    [
      "both are asked for",
      { excludes: ["t.a"], suppressesForgetErrors: true },
      ["excludes"],
      ["suppress_forget_errors"],
    ],
    [
      "configuration is generated: the plan alone is told",
      { generatesConfiguration: true },
      ["generate_configuration"],
      [],
    ],
    ["all is to be told in the log", { isDebug: true }, ["debug"], ["debug"]],
  ])("%s", (_when, asked, plan, apply) => {
    expect([featuresOf(asked, "plan"), featuresOf(asked, "apply")]).toEqual([plan, apply]);
  });

  test("an agent that lacks one of them does not do", () => {
    expect(knowsAll(new Set(), [])).toBe(true);
    expect(knowsAll(new Set(["excludes"]), ["excludes"])).toBe(true);
    expect(knowsAll(new Set(["excludes"]), ["excludes", "suppress_forget_errors"])).toBe(false);
    expect(knowsAll(new Set(jobFeatures), jobFeatures)).toBe(true);
  });

  test("each is told by the flag that asks for it", () => {
    expect(featuresText(["excludes"])).toBe("--exclude");
    expect(featuresText(["excludes", "debug"])).toBe("--exclude and debug logs");
    expect(featuresText(jobFeatures)).toContain(" and ");
  });
});
