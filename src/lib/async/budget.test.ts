import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { Budget } from "./budget.ts";

function openBudget(wanted: Partial<ConstructorParameters<typeof Budget>[0]> = {}) {
  const clock = new ManualClock();
  const options = { what: "pieces", total: 10, perKey: 6, waitMs: 1_000, maxWaiting: 3, clock };
  return { clock, budget: new Budget({ ...options, ...wanted }) };
}

/** Takes a share, and notes the name once it is there. */
function taking(budget: Budget, got: string[]) {
  return async (name: string, amount: number): Promise<Disposable> => {
    const share = await budget.take(name.slice(0, 1), amount);
    got.push(name);
    return share;
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what is there is given at once, the rest waits until others give back", async () => {
  const { budget } = openBudget();
  const got: string[] = [];
  const take = taking(budget, got);
  const first = await take("a", 6);
  void take("b", 6);
  await settled();
  expect(got).toEqual(["a"]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await settled();
  expect(got).toEqual(["a", "b"]);
  void take("c", 5);
  await settled();
  expect(got).toEqual(["a", "b"]);
});

test("one key's crowd does not hold up another: keys take turns", async () => {
  const { budget } = openBudget({ total: 1, perKey: 1, maxWaiting: 10 });
  const got: string[] = [];
  const take = taking(budget, got);
  const first = await take("a1", 1);
  const rest = ["a2", "a3", "a4", "b1", "b2"].map(async (name) => {
    using _share = await take(name, 1);
    await settled();
  });
  first[Symbol.dispose]();
  await Promise.all(rest);
  expect(got).toEqual(["a1", "b1", "a2", "b2", "a3", "a4"]);
});

test("who waits for its own share lets others pass", async () => {
  const { budget } = openBudget();
  const got: string[] = [];
  const take = taking(budget, got);
  await take("a1", 6);
  void take("a2", 1);
  await take("b1", 4);
  expect(got).toEqual(["a1", "b1"]);
});

test("a share that is larger than a key may have is given all the same, as all that it may have", async () => {
  const { budget } = openBudget();
  using _all = await budget.take("a", 1_000);
  expect(await budget.take("b", 4)).toBeDefined();
});

test("who waits too long, or comes when too many wait, is told to try again", async () => {
  const { clock, budget } = openBudget();
  await budget.take("a", 6);
  const late = budget.take("a", 6);
  const refusals = [late, budget.take("a", 1), budget.take("a", 1), budget.take("a", 1)].map((one) =>
    one.catch((error: unknown) => String(error)),
  );
  expect(await refusals[3]).toContain("too many pieces");
  await clock.advance(1_000);
  expect(await refusals[0]).toContain("too many pieces");
});

test("who goes away while it waits leaves its place to others", async () => {
  const { budget } = openBudget();
  const share = await budget.take("a", 6);
  const stop = new AbortController();
  const gone = budget.take("b", 6, stop.signal).catch((error: unknown) => String(error));
  const next = budget.take("c", 4);
  stop.abort(new Error("gone"));
  expect(await gone).toBe("Error: gone");
  await next;
  share[Symbol.dispose]();
});
