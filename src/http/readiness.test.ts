import { expect, test } from "vitest";
import { Readiness } from "./readiness.ts";

test("a server is not ready until it says so, and each change is heard once", async () => {
  const readiness = new Readiness();
  expect(readiness.isReady).toBe(false);
  const heard: boolean[] = [];
  const listen = () => readiness.changed().then(() => void heard.push(readiness.isReady));
  const first = listen();
  readiness.set(false);
  await Promise.resolve();
  expect(heard).toEqual([]);
  readiness.set(true);
  await first;
  const second = listen();
  readiness.set(true);
  await Promise.resolve();
  expect(heard).toEqual([true]);
  readiness.set(false);
  await second;
  expect(heard).toEqual([true, false]);
});
