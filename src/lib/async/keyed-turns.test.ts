import { expect, test } from "vitest";
import { KeyedTurns } from "./keyed-turns.ts";

test("work of one key is done in its order, one piece at a time, also after a failure; that of others does not wait", async () => {
  const turns = new KeyedTurns();
  const steps: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const work =
    (name: string, until: Promise<void> = Promise.resolve()) =>
    async () => {
      steps.push(`${name} begins`);
      await until;
      steps.push(`${name} ends`);
      return name;
    };
  const first = turns.take("a", work("first", gate));
  const failing = turns.take("a", async () => {
    steps.push("failing");
    throw new Error("no");
  });
  const last = turns.take("a", work("last"));
  expect(await turns.take("b", work("other"))).toBe("other");
  open();
  await expect(failing).rejects.toThrow("no");
  expect([await first, await last]).toEqual(["first", "last"]);
  expect(steps).toEqual([
    ...["first begins", "other begins", "other ends", "first ends", "failing", "last begins", "last ends"],
  ]);
});
