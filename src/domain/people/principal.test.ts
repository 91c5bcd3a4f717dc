import { describe, expect, test } from "vitest";
import type { Role } from "./api-key.ts";
import { allows, mayGive, mayOperate, type Permission, type Person, sees } from "./principal.ts";

const roles: readonly Role[] = ["reader", "planner", "operator", "owner", "site_admin"];
const permissions: readonly Permission[] = ["read", "plan", "operate", "own", "administer_site"];

const person = (role: Role, organizationId: Person["organizationId"] = "org_1"): Person => ({
  ...{ kind: "api_key", id: "key_1", name: "ana", role },
  organizationId: role === "site_admin" ? null : organizationId,
});

describe("roles", () => {
  test.each([
    ["reader", ["read"]],
    ["planner", ["read", "plan"]],
    ["operator", ["read", "plan", "operate"]],
    ["owner", ["read", "plan", "operate", "own"]],
    ["site_admin", ["read", "plan", "operate", "own", "administer_site"]],
  ] as const)("a %s has %j and nothing else", (role, granted) => {
    expect(permissions.filter((permission) => allows(person(role), permission))).toEqual(granted);
  });

  test("each has what the one below it has, and something more", () => {
    const counts = roles.map((role) => permissions.filter((permission) => allows(person(role), permission)));
    for (const [place, above] of counts.entries()) {
      const below = counts[place - 1] ?? [];
      expect(above).toEqual(expect.arrayContaining([...below]));
      expect(above.length).toBeGreaterThan(below.length);
    }
  });

  test("nobody gives more than they have, and everybody may give what they have", () => {
    const given = roles.map((giver) => roles.filter((role) => mayGive(person(giver), role)));
    expect(given).toEqual(roles.map((_, place) => roles.slice(0, place + 1)));
  });

  test("an apply needs an operator", () => {
    expect(roles.filter(mayOperate)).toEqual(["operator", "owner", "site_admin"]);
  });
});

describe("who sees an organization", () => {
  test.each(["reader", "planner", "operator", "owner"] as const)("a %s sees their own alone", (role) => {
    expect([sees(person(role), "org_1"), sees(person(role), "org_2")]).toEqual([true, false]);
  });

  test("a site admin sees each, and belongs to none", () => {
    expect([sees(person("site_admin"), "org_1"), sees(person("site_admin"), "org_2")]).toEqual([true, true]);
  });

  test("somebody without an organization who is no site admin sees none", () => {
    expect(sees(person("owner", null), "org_1")).toBe(false);
  });
});
