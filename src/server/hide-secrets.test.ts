import { expect, test } from "vitest";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { Secret } from "../control/core/control.ts";
import { systemRandom } from "../lib/random.ts";
import { newId } from "../lib/words/ids.ts";
import { createHiding } from "./hide-secrets.ts";

const secret = (value: string) => ({ value, isHcl: false });
const organization = newId("org", systemRandom);
const hidingOf = (secrets: readonly Secret[]) => createHiding(new ManualClock())(secrets, organization);

/** How many turns of the loop others get meanwhile. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const counting = (async () => {
    for (; !isOver; turns++) await new Promise((resolve) => setImmediate(resolve));
  })();
  await work;
  isOver = true;
  await counting;
  return turns;
}

test("secrets are hidden in every form, and those of one list from no other text", async () => {
  const hiding = createHiding(new ManualClock());
  const hide = hiding([secret("hunter2-hunter2")], organization);
  const encoded = Buffer.from("hunter2-hunter2").toString("base64");
  expect(await hide(`a ${encoded} hunter2-hunter2 b`)).toBe("a (sensitive value) (sensitive value) b");
  expect(await hiding([secret("other-secret")], organization)("hunter2-hunter2 other-secret")).toBe(
    "hunter2-hunter2 (sensitive value)",
  );
});

test("what was made for a list of secrets serves the next look, and a few lists are kept", () => {
  const hiding = createHiding(new ManualClock());
  const of = (value: string) => hiding([secret(value)], organization);
  const first = of("secret number one");
  expect(of("secret number one")).toBe(first);
  for (let count = 0; count < 4; count += 1) of(`another secret ${count}`);
  expect(of("secret number one")).not.toBe(first);
});

test("of more secrets than can be looked for in all forms, the longest are hidden as they are", async () => {
  const long = Array.from({ length: 3 }, (_, index) => `${index} "${"x".repeat(10_000)}" ${index}`);
  const hide = hidingOf([secret("short secret"), ...long.map(secret)]);
  const text = JSON.stringify(["short secret", Buffer.from("short secret").toString("base64"), ...long]);
  expect(await hide(text)).not.toMatch(/short|xxx|c2hvcn/);
});

test("a long text is looked through in slices, several at once, and a secret across two of them is hidden", async () => {
  const values = Array.from({ length: 3_000 }, (_, n) => `value number ${n} that is a secret`);
  const hide = hidingOf(values.map(secret));
  const texts = [0, 1, 2].map(
    (n) => `${"x".repeat(256 * 1024 - 10)}${values[n]}${"y".repeat(500_000)}${values[2_999]}`,
  );
  const hiding = Promise.all(texts.map(hide));
  expect(await turnsDuring(hiding)).toBeGreaterThan(3);
  const hidden = await hiding;
  for (const text of hidden) expect(text).toMatch(/x\(sensitive value\)y+\(sensitive value\)$/);
});

test.each([
  ["values", (n: number) => secret(`value number ${n} that is a secret ${"x".repeat(100)}`)],
  ["lists in JSON", (n: number) => secret(JSON.stringify([`value number ${n} that is a secret ${"x".repeat(100)}`]))],
  [
    "lists in HCL",
    (n: number) => ({ value: `["value number ${n} that is a secret", "${"x".repeat(100)}"]`, isHcl: true }),
  ],
])("others get their turn while what hides a megabyte of %s is made", async (_, made) => {
  const hide = hidingOf(Array.from({ length: 8_000 }, (_unused, n) => made(n)));
  const hidden = hide("a value number 7 that is a secret b");
  expect(await turnsDuring(hidden)).toBeGreaterThan(20);
});

test("for no more than one list at a time it is made, and organizations take turns", async () => {
  const hiding = createHiding(new ManualClock());
  const order: string[] = [];
  const other = newId("org", systemRandom);
  const big = (n: number) => Array.from({ length: 2_000 }, (_, at) => secret(`a secret ${n} of many ${at}`));
  const look = async (name: string, n: number, of: typeof organization) => {
    await hiding(big(n), of)("text");
    order.push(name);
  };
  await Promise.all([...[1, 2, 3].map((n) => look(`crowd ${n}`, n, organization)), look("other", 4, other)]);
  expect(order.indexOf("other")).toBeLessThan(2);
});
