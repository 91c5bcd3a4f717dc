import { describe, expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { idFromUuid, idPrefixes, newId } from "../../lib/words/ids.ts";
import { fromTfeId, idIn, namedIn, toNamedId, toPartId, toTfeId, wholeOf } from "./ids.ts";

const foreign = "5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11";

describe.each(idPrefixes)("ids of the kind %s", (prefix) => {
  test("are a prefix and 16 letters and digits, and come back", () => {
    const id = newId(prefix, systemRandom);
    expect(toTfeId(id)).toMatch(/^[a-z]+-[0-9A-Za-z]{16}$/);
    expect(fromTfeId(toTfeId(id))).toBe(id);
    expect(idIn(prefix, toTfeId(id))).toBe(id);
  });

  test("are taken as this server writes them, and those that somebody else chose are longer", () => {
    const id = idFromUuid(prefix, foreign);
    expect(fromTfeId(toTfeId(id))).toBe(id);
    expect(fromTfeId(id)).toBe(id);
    expect(idIn(prefix, `${prefix}-${id.slice(prefix.length + 1)}`)).toBe(id);
  });

  test("of another kind are none", () => {
    const other = idPrefixes.find((one) => one !== prefix) ?? "ws";
    expect(idIn(other, toTfeId(newId(prefix, systemRandom)))).toBeUndefined();
  });
});

test("clients check the ids of workspaces, sets and projects", () => {
  expect(toTfeId(newId("ws", systemRandom))).toMatch(/^ws-[a-zA-Z0-9]{16}$/);
  expect(toTfeId(newId("vset", systemRandom))).toMatch(/^varset-[a-zA-Z0-9]{16}$/);
  expect(toPartId("prj", newId("org", systemRandom))).toMatch(/^prj-[a-zA-Z0-9]{16}$/);
});

test.each(["", "-", "ws", "ws-", "ws-short", "nope-0123456789abcdef", "default", "ws_x", "WS-0123456789abcdef"])(
  "%j is no id and stays as it is",
  (text) => {
    expect(fromTfeId(text)).toBe(text);
    expect(idIn("ws", text)).toBeUndefined();
  },
);

test("a part tells its whole, of its own kind alone", () => {
  const run = newId("run", systemRandom);
  expect(wholeOf("plan", "run", toPartId("plan", run))).toBe(run);
  expect(wholeOf("apply", "run", toPartId("plan", run))).toBeUndefined();
  expect(wholeOf("plan", "run", "plan-x")).toBeUndefined();
});

test.each(["env", "a-b_c", "ä:ö", "-"])("a name within something comes back: %j", (name) => {
  const owner = newId("org", systemRandom);
  expect(namedIn("tag", "org", toNamedId("tag", owner, name))).toEqual({ owner, name });
  const longer = idFromUuid("org", foreign);
  expect(namedIn("tag", "org", toNamedId("tag", longer, name))).toEqual({ owner: longer, name });
  expect(namedIn("tag", "org", toPartId("tag", owner))).toBeUndefined();
});
