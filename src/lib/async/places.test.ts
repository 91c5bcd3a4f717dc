import { expect, test } from "vitest";
import { Places } from "./places.ts";

test("no more are inside than there are places, and who waits longest comes first", async () => {
  const places = new Places(2);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const visit = async (name: number) => {
    using _place = await places.take();
    inside += 1;
    most = Math.max(most, inside);
    order.push(name);
    await Promise.resolve();
    inside -= 1;
  };
  await Promise.all([1, 2, 3, 4, 5].map(visit));
  expect(most).toBe(2);
  expect(order).toEqual([1, 2, 3, 4, 5]);
});
