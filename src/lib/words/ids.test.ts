import { describe, expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import { compactId, idFromCompact, idFromUuid, idPrefixes, isId, newId } from "./ids.ts";

describe("ids", () => {
  test.each(idPrefixes)("a new %s id carries its prefix and is recognised", (prefix) => {
    const id = newId(prefix, systemRandom);
    expect(id).toMatch(new RegExp(`^${prefix}_[0-9a-z]{26}$`));
    expect(isId(prefix, id)).toBe(true);
  });

  test("an id of another kind is not recognised", () => {
    expect(isId("ws", newId("run", systemRandom))).toBe(false);
  });

  test.each(["", "run", "run_", "run_abc", "run_962hhfd9p29j9vqfjt4h78rve9", "run_362hhfd9p29j9vqfjt4h78rvel", "prod"])(
    "%j is not a run id",
    (text) => {
      expect(isId("run", text)).toBe(false);
    },
  );

  test("one UUID always gives one id", () => {
    const uuid = "5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11";
    expect(idFromUuid("agent", uuid)).toBe(idFromUuid("agent", uuid));
    expect(() => idFromUuid("agent", "no uuid")).toThrow();
  });

  test("ids do not repeat", () => {
    expect(new Set(Array.from({ length: 1000 }, () => newId("job", systemRandom))).size).toBe(1000);
  });

  test.each(idPrefixes)("a new %s id is told by 16 letters and digits", (prefix) => {
    for (let count = 0; count < 200; count++) {
      const id = newId(prefix, systemRandom);
      const compact = compactId(id) ?? "";
      expect(compact).toMatch(/^[0-9A-Za-z]{16}$/);
      expect(idFromCompact(prefix, compact)).toBe(id);
    }
  });

  test("the first and the last of them are ids too", () => {
    for (const text of ["0".repeat(16), "z".repeat(16), "zzzzzzzzzzzzzzz0"]) {
      const id = idFromCompact("ws", text) ?? "";
      expect(isId("ws", id)).toBe(true);
      expect(compactId(id)).toBe(text);
    }
  });

  test("an id whose UUID somebody else chose, and what is no id, has no such form", () => {
    expect(compactId(idFromUuid("agent", "5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11"))).toBeUndefined();
    expect(compactId(idFromUuid("agent", "ffffffff-ffff-4fff-bfff-ffffffffffff"))).toBeUndefined();
    expect(compactId("prod")).toBeUndefined();
    for (const text of ["", "0".repeat(15), "0".repeat(17), `${"0".repeat(15)}-`, `${"0".repeat(15)}é`])
      expect(idFromCompact("ws", text)).toBeUndefined();
  });
});
