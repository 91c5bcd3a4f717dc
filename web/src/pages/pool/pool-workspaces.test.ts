import { expect, test } from "vitest";
import { poolWorkspaces } from "./pool-workspaces.ts";

const pool = { grantedWorkspaces: ["net", "app"], assignedWorkspaces: ["net", "old"] };

test("of a pool for granted ones, what is assigned without a grant comes first", () => {
  expect(poolWorkspaces({ ...pool, organizationScoped: false })).toEqual([
    { name: "old", isGranted: false, isAssigned: true },
    { name: "app", isGranted: true, isAssigned: false },
    { name: "net", isGranted: true, isAssigned: true },
  ]);
});

test("a pool of the whole organization is granted to all", () => {
  expect(poolWorkspaces({ ...pool, organizationScoped: true }).every(({ isGranted }) => isGranted)).toBe(true);
});
