import fc from "fast-check";
import { expect, test } from "vitest";
import { LeastFirst } from "./least-first.ts";

test("hands out what it was given and what was put in later, the least first", () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant("take" as const)));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), steps, (given, then) => {
      const heap = new LeastFirst(given, (a, b) => a < b);
      const model = given.toSorted((a, b) => a - b);
      for (const step of then) {
        expect(heap.least).toBe(model[0]);
        if (step === "take") expect(heap.take()).toBe(model.shift());
        else {
          heap.put(step);
          model.push(step);
          model.sort((a, b) => a - b);
        }
      }
      expect(model.map(() => heap.take())).toEqual(model);
      expect(heap.take()).toBeUndefined();
    }),
  );
});
