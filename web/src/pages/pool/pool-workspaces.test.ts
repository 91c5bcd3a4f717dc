import { expect, test } from "vitest";
import { offeredBy, poolWorkspaces } from "./pool-workspaces.ts";

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

const found = ["app", "dns", "net", "old"].map((name) => ({ name }));
const offering = { pool: { ...pool, organizationScoped: false }, search: "", chosen: new Set<string>() };
const shown = (...args: Parameters<typeof offeredBy>) =>
  offeredBy(...args).map(({ name, isGranted, isNew }) => `${name}${isGranted ? "" : " -"}${isNew ? " new" : ""}`);

test("to be assigned are offered those that are not, and last those that may not be", () => {
  expect(shown([{ name: "a" }, ...found], { ...offering, kind: "assign" })).toEqual(["app", "a -", "dns -"]);
  const open = { ...offering, pool: { ...pool, organizationScoped: true } };
  expect(shown(found, { ...open, kind: "assign" })).toEqual(["app", "dns"]);
});

test("to be granted are offered those that are not, and a name that no workspace has yet; what was chosen stays", () => {
  expect(shown(found, { ...offering, kind: "grant" })).toEqual(["dns -", "old -"]);
  const typed = { ...offering, kind: "grant", search: "later", chosen: new Set(["dns", "later"]) } as const;
  expect(shown([], typed)).toEqual(["dns -", "later - new"]);
  expect(shown([], { ...typed, search: "no name" })).toEqual(["dns -", "later -"]);
});
