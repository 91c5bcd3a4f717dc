import { expect, test } from "vitest";
import { changedFields, type Edits, maskPath, meanwhile, noEdits, typeOver } from "./edits.ts";

type Values = { readonly name: string; readonly tags: readonly string[] };

const read: Values = { name: "net", tags: ["prod"] };
const renamed: Edits<Values> = typeOver(noEdits, read, { name: "network" });

test("only what differs from the server is sent", () => {
  expect(changedFields(renamed, read)).toEqual(["name"]);
  expect(changedFields(typeOver(renamed, read, { name: "net" }), read)).toEqual([]);
  expect(changedFields(typeOver<Values>(noEdits, read, { tags: ["prod"] }), read)).toEqual([]);
});

test("what somebody else changes meanwhile is told of the field that is edited, and of no other", () => {
  const now: Values = { name: "other", tags: ["dev"] };
  expect(meanwhile(renamed, now, "name")).toBe("other");
  expect(meanwhile(renamed, now, "tags")).toBeUndefined();
  expect(meanwhile(renamed, { ...now, name: "network" }, "name")).toBeUndefined();
});

test("typing on does not forget what was seen first", () => {
  const now: Values = { ...read, name: "other" };
  expect(meanwhile(typeOver(renamed, now, { name: "network2" }), now, "name")).toBe("other");
});

test("fields are named as a field mask has them", () => {
  expect(maskPath("sharesStateWithOrganization")).toBe("shares_state_with_organization");
});
