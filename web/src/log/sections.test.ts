import { expect, test } from "vitest";
import { beginsError, isOfAgent, type SectionName, sectionOf } from "./sections.ts";

function sections(lines: readonly string[]): readonly SectionName[] {
  let now: SectionName = "Setup";
  return lines.map((line) => {
    now = sectionOf(line, now);
    return now;
  });
}

test("a plan has its setup, its refresh and itself", () => {
  const lines = [
    "Windlass: plan of run run_1",
    "Initializing provider plugins...",
    "- Installed hashicorp/null v3.2.1",
    "null_resource.a: Refreshing state... [id=1]",
    "Terraform used the selected providers to generate the following execution",
    "  # null_resource.a will be updated in-place",
    "Plan: 0 to add, 1 to change, 0 to destroy.",
  ];
  expect(sections(lines)).toEqual(["Setup", "Setup", "Setup", "Refresh", "Plan", "Plan", "Plan"]);
});

test("an apply has its work and what came out", () => {
  const lines = [
    "Windlass: apply of run run_1",
    "null_resource.a: Creating...",
    "null_resource.a: Creation complete after 0s [id=1]",
    "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
    "Outputs:",
  ];
  expect(sections(lines)).toEqual(["Setup", "Apply", "Apply", "Output", "Output"]);
});

test("an error is a section of its own", () => {
  expect(sections(["null_resource.a: Creating...", "╷", "│ Error: no", "╵"])).toEqual([
    "Apply",
    "Error",
    "Error",
    "Error",
  ]);
});

test("an error begins with its word, in a box or not", () => {
  expect(["│ Error: no", "Error: no", "  Error: no", "an Error: no"].map(beginsError)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("the agent's own lines are known", () => {
  expect(isOfAgent("Windlass: plan of run run_1")).toBe(true);
});
