import fc from "fast-check";
import { expect, test } from "vitest";
import { LeastFirst } from "./least-first.ts";

test("hands out what was put in, the least first", () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant("take" as const)));
  fc.assert(
    fc.property(steps, (taken) => {
      const heap = new LeastFirst<number>((a, b) => a < b);
      const model: number[] = [];
      for (const step of taken) {
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
