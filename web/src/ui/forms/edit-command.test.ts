import { expect, test } from "vitest";
import { editCommand } from "./edit-command.ts";

const draft = {
  description: "the north",
  tags: "prod, team:net",
  autoApply: false,
  agentPool: "",
  protectsState: true,
};

test("the command has a flag for each changed field, and none for the rest", () => {
  const changed = ["description", "autoApply"] as const;
  expect(editCommand("windlass ws edit net", { draft, changed })).toBe(
    "windlass ws edit net --description 'the north' --auto-apply=false",
  );
  expect(editCommand("windlass ws edit net", { draft, changed: [] })).toBe("windlass ws edit net");
});

test("flags that are called otherwise, lists, and what was emptied", () => {
  const names = {
    tags: "tag",
    agentPool: "pool",
    protectsState: (isOn: boolean) => `--protect-state ${isOn ? "yes" : "no"}`,
  };
  const changed = ["tags", "agentPool", "protectsState"] as const;
  expect(editCommand("windlass x", { draft, changed }, names)).toBe(
    "windlass x --tag prod,team:net --pool '' --protect-state yes",
  );
});
