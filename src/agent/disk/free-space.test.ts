import { expect, test } from "vitest";
import { FreeSpace } from "./free-space.ts";

test("a disk that hangs holds nobody up: the last figure is told, and one look at a time is taken", async () => {
  const looks: PromiseWithResolvers<bigint>[] = [];
  const space = new FreeSpace(() => {
    const look = Promise.withResolvers<bigint>();
    looks.push(look);
    return look.promise;
  });
  expect([space.lastKnown(), space.lastKnown(), space.lastKnown()]).toEqual([0n, 0n, 0n]);
  expect(looks.length).toBe(1);
  const seen = space.refresh();
  looks[0]?.resolve(7n);
  await seen;
  expect(space.lastKnown()).toBe(7n);
  expect(looks.length).toBe(2);
  const failed = space.refresh();
  looks[1]?.reject(new Error("EIO"));
  await failed;
  expect(space.lastKnown()).toBe(7n);
});
