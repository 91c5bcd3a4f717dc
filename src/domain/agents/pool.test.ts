import { expect, test } from "vitest";
import { mayUse } from "./pool.ts";

const pool = (isOrganizationScoped: boolean) => ({ organizationId: "org_a" as const, isOrganizationScoped });
const workspace = (organizationId: `org_${string}`) => ({ organizationId, name: "net" });

test.each([
  ["organization-scoped, own organization", pool(true), [], "org_a", true],
  ["organization-scoped, other organization", pool(true), [], "org_b", false],
  ["granted", pool(false), ["net"], "org_a", true],
  ["not granted", pool(false), ["dns"], "org_a", false],
  ["the name is granted, in another organization", pool(false), ["net"], "org_b", false],
] as const)("%s", (_name, of, grants, organizationId, expected) => {
  expect(mayUse(of, new Set(grants), workspace(organizationId))).toBe(expected);
});
