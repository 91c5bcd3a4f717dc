import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import type { ReplicaRow } from "../../store/ports/replicas.ts";
import { claimWork } from "./claimed-work.ts";
import { Replicas } from "./replicas.ts";

const forMs = 20_000;

let plane: TestControl;
beforeEach(async () => {
  plane = await openTestControl();
});
afterEach(() => plane[Symbol.asyncDispose]());

/** Another process on the same database; both see each other. */
function processes() {
  const row = (id: string) => ({ id }) as ReplicaRow;
  const [one, two] = [new Replicas("one"), new Replicas("two")];
  one.see([row("two")]);
  two.see([row("one")]);
  const claim = (replicas: Replicas) => claimWork({ ...plane.control, replicas }, "sweep", forMs);
  return { one: () => claim(one), two: () => claim(two) };
}

describe("shared work", () => {
  test("is done without a claim by a process that is alone", async () => {
    expect(await claimWork(plane.control, "sweep", forMs)).toBe(true);
    expect(await plane.control.store.read((q) => q.meta.get("claim/sweep"))).toBeUndefined();
  });

  test("is done by one of several, for as long as it asks again", async () => {
    const { one, two } = processes();
    for (let look = 0; look < 12; look += 1) {
      expect([await one(), await two()]).toEqual([true, false]);
      await plane.clock.advance(forMs / 4);
    }
  });

  test("is taken over once the claim has run out, and by one alone of those who ask at once", async () => {
    const { one, two } = processes();
    expect(await one()).toBe(true);
    await plane.clock.advance(forMs - 1);
    expect(await two()).toBe(false);
    await plane.clock.advance(1);
    const both = await Promise.all([two(), one(), two(), one()]);
    expect(both.filter(Boolean).length).toBeGreaterThan(0);
    expect(both[0] === both[1]).toBe(false);
  });

  test("is not held up by a claim from a future that a clock once showed, nor by one that cannot be read", async () => {
    const { two } = processes();
    const untilMs = plane.clock.now().getTime() + 3_600_000;
    for (const text of [JSON.stringify({ by: "one", untilMs }), "{"]) {
      await plane.control.store.step((tx) => tx.meta.set("claim/sweep", text));
      expect(await two()).toBe(true);
    }
  });
});
