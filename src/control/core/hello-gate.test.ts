import { expect, test } from "vitest";
import { HelloGate } from "./hello-gate.ts";

const never = new AbortController().signal;

/** Fills a gate of width 1 and answers how to empty it. */
function blocked(gate: HelloGate): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  void gate.pass(false, () => promise, never);
  return resolve;
}

test("agents with jobs go first, each kind in its order", async () => {
  const gate = new HelloGate(1);
  const open = blocked(gate);
  const order: string[] = [];
  const enter = (name: string, hasJobs: boolean) => gate.pass(hasJobs, async () => void order.push(name), never);
  const all = [enter("idle 1", false), enter("idle 2", false), enter("busy 1", true), enter("busy 2", true)];
  open();
  await Promise.all(all);
  expect(order).toEqual(["busy 1", "busy 2", "idle 1", "idle 2"]);
});

test("never more at once than its width, also after failures and aborts", async () => {
  const gate = new HelloGate(2);
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await Promise.resolve();
    inside--;
    if (most % 2 === 0) throw new Error("failed");
  };
  const controllers = Array.from({ length: 40 }, () => new AbortController());
  const all = controllers.map(({ signal }, index) => gate.pass(index % 3 === 0, work, signal));
  for (const controller of controllers.filter((_, index) => index % 5 === 4)) controller.abort();
  await Promise.allSettled(all);
  expect(most).toBe(2);
  expect(await gate.pass(false, async () => "through", never)).toBe("through");
});
