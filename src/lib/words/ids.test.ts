import { describe, expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import { idFromUuid, idPrefixes, isId, newId } from "./ids.ts";

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
});
