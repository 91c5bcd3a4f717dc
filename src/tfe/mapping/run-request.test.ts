import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { fromNewRun, fromRunQuery, newRunAttributes, newRunRelationships } from "./run-request.ts";

const relationships = newRunRelationships.parse({
  workspace: { data: { type: "workspaces", id: "ws-0000000000000001" } },
});
const asked = (attributes: z.input<typeof newRunAttributes>, source: "terraform" | "tfe-api" = "tfe-api") =>
  fromNewRun({ attributes: newRunAttributes.parse(attributes), relationships }, source);

describe("a new run", () => {
  test("of which nothing is said plans and applies as its workspace says", () => {
    expect(asked({})).toMatchObject({
      ...{ configurationId: "", requestId: "", message: "Triggered via API", source: "tfe-api" },
      options: {
        ...{ isPlanOnly: false, isAutoApply: undefined, isDestroy: false, skipsRefresh: false, isRefreshOnly: false },
        ...{ targets: [], replacements: [], variables: [], engineVersion: "", allowsEmptyApply: false },
        ...{ isSavedPlan: false, generatesConfiguration: false, isDebug: false },
      },
    });
    expect(asked({}, "terraform").message).toBe("Triggered via CLI");
    expect(asked({ message: "why" }, "terraform").message).toBe("why");
  });

  test.each([
    [{ "plan-only": true }, { isPlanOnly: true }],
    [{ "auto-apply": false }, { isAutoApply: false }],
    [{ "auto-apply": null }, { isAutoApply: undefined }],
    [{ "is-destroy": true }, { isDestroy: true }],
    [{ refresh: false }, { skipsRefresh: true }],
    [{ refresh: null }, { skipsRefresh: false }],
    [{ "refresh-only": true }, { isRefreshOnly: true }],
    [{ "target-addrs": ["a.b"] }, { targets: ["a.b"] }],
    [{ "replace-addrs": ["a.b"] }, { replacements: ["a.b"] }],
    [{ "terraform-version": "1.0.0" }, { engineVersion: "1.0.0" }],
    [{ "allow-empty-apply": true }, { allowsEmptyApply: true }],
    [{ "save-plan": true }, { isSavedPlan: true }],
    [{ "allow-config-generation": true }, { generatesConfiguration: true }],
    [{ "debugging-mode": true }, { isDebug: true }],
  ])("%j is %j", (attributes, options) => {
    expect(asked(attributes).options).toMatchObject(options);
  });

  test.each([
    ['"bob"', true],
    ["[1, 2]", true],
    ["{ a = 1 }", true],
    ["12", true],
    ["true", true],
    ["Hello, World!", false],
    ["[1, 2", false],
    ['"open', false],
  ])("takes %j for an expression: %j", (value, isHcl) => {
    expect(asked({ variables: [{ key: "who", value }] }).options.variables).toEqual([{ key: "who", value, isHcl }]);
  });

  test("names its workspace and configuration by the ids that clients have", () => {
    const named = newRunRelationships.parse({
      workspace: { data: { type: "workspaces", id: "ws-KX8dANGvR72txmAs" } },
      "configuration-version": { data: { type: "configuration-versions", id: "cv-KX8dANGvR72txmAs" } },
    });
    const run = fromNewRun({ attributes: newRunAttributes.parse({}), relationships: named }, "tfe-api");
    expect(run.workspace.name).toMatch(/^ws_[0-9a-z]{26}$/);
    expect(run.configurationId).toBe(run.workspace.name.replace("ws_", "cv_"));
  });

  test.each([
    [{ message: "x".repeat(1_025) }],
    [{ "target-addrs": [""] }],
    [{ "target-addrs": Array.from({ length: 101 }, () => "a.b") }],
    [{ "plan-only": "yes" }],
    [{ variables: [{ key: "", value: "" }] }],
    [{ variables: [{ key: "a", value: "x".repeat(262_145) }] }],
    [{ variables: [{ key: "a" }] }],
  ])("%# is refused where its kind or size is wrong", (attributes) => {
    expect(newRunAttributes.safeParse(attributes).success).toBe(false);
  });
});

describe("a query of runs", () => {
  const now = new Date("2026-06-01T00:00:00Z");
  const place = { organization: "acme", workspace: "", operations: null };
  const query = (text: string) => fromRunQuery(new URLSearchParams(text), place, now);

  test("narrows nothing if it says nothing", () => {
    expect(query("")).toMatchObject({
      organization: "acme",
      statuses: null,
      operations: null,
      search: "",
      createdBy: "",
    });
    expect(query("").states).toBeUndefined();
    expect(query("filter[status]=,&filter[source]= ")).toEqual(query(""));
  });

  test.each([
    ["filter[status]=pending,applied", ["pending", "applied"]],
    ["filter[status]=nothing", []],
    ["filter[status]=pending,applied&filter[status_group]=final", ["applied"]],
    ["filter[status_group]=discardable", ["planned"]],
  ])("%s is the statuses %j", (text, statuses) => {
    expect(query(text).states?.map(({ status }) => status)).toEqual(statuses);
  });

  test.each([
    ["filter[operation]=plan_only,destroy", { operations: ["plan_only", "destroy"] }],
    ["filter[operation]=nothing", { operations: [] }],
    ["filter[source]=terraform%2Bcloud", { sources: ["terraform"] }],
    ["filter[agent_pool_names]=a,b", { poolNames: ["a", "b"] }],
    ["filter[workspace_names]=net", { workspaceNames: ["net"] }],
    ["search[user]=ana", { createdBy: "ana", search: "" }],
    ["search[basic]=why", { search: "why" }],
    ["search[commit]=abc&search[basic]=why", { sources: [], search: "" }],
    ["filter[timeframe]=year", { createdFrom: new Date("2025-06-01T00:00:00Z") }],
    [
      "filter[timeframe]=2025",
      { createdFrom: new Date("2025-01-01T00:00:00Z"), createdBefore: new Date("2026-01-01T00:00:00Z") },
    ],
  ])("%s is %j", (text, filter) => {
    expect(query(text)).toMatchObject(filter);
  });

  test("a list that leaves out an operation does so unless one is asked for", () => {
    const narrowed = { ...place, operations: ["plan_and_apply" as const] };
    const of = (text: string) => fromRunQuery(new URLSearchParams(text), narrowed, now).operations;
    expect(of("")).toEqual(["plan_and_apply"]);
    expect(of("filter[operation]=plan_only")).toEqual(["plan_only"]);
  });
});
