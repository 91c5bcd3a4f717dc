import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { Documents } from "./documents.ts";
import { type Excerpt, maxDocumentValues } from "./limits.ts";
import type { Question } from "./questions.ts";
import type { StateOutput } from "./state-outputs.ts";

vi.setConfig({ testTimeout: 60_000 });

let documents: Documents;
beforeEach(() => {
  documents = new Documents(new ManualClock());
});
afterEach(() => documents[Symbol.asyncDispose]());

const head = '"version":4,"terraform_version":"1.9.0","serial":7,"lineage":"l-1"';
const stateWith = (rest: string): Buffer => Buffer.from(`{${head},${rest}}`);
/** Costs a parser seconds and gigabytes: a valid state of some MiB of empty objects. */
const bomb = stateWith(`"x":[${"{},".repeat(maxDocumentValues)}{}]`);
const deep = stateWith(`"x":${"[".repeat(200_000)}${"]".repeat(200_000)}`);
/** Large enough for the thread. */
const large = stateWith(
  `"outputs":{"a":{"value":"${"x".repeat(200_000)}"}},"resources":[{"mode":"managed","type":"t","name":"n","instances":[{"attributes":{"id":"i","secret":"s"}}]}]`,
);

const ask = <Q extends Question>(question: Q, document: Uint8Array, of = "org_a", key?: string) =>
  documents.ask(question, { of, load: async () => [document], ...(key === undefined ? {} : { key }) });

const part = { after: null, limit: 10 };
const page = { search: "", ...part };

describe("a document that would cost too much", () => {
  test.each([
    ["of a person is refused", { kind: "pushed-state" } as const],
    ["lists no outputs", { kind: "outputs", id: "sv_1", ...part } as const],
    ["lists no resources", { kind: "instances", id: "sv_1", ...page } as const],
    ["shares nothing", { kind: "outputs-only" } as const],
    ["shows no plan", { kind: "plan", id: "run_1", ...part } as const],
  ])("%s", async (_what, question) => {
    for (const document of [bomb, deep]) {
      await expect(ask(question, document)).rejects.toMatchObject({ code: "validation" });
    }
  });

  test("is kept all the same when an apply has written it: its header is read", async () => {
    for (const [document, unreadReason] of [
      [bomb, "it holds more than 2000000 values"],
      [deep, "it is nested 200001 levels deep"],
    ] as const) {
      expect(await ask({ kind: "applied-state" }, document)).toEqual({
        ...{ lineage: "l-1", serial: 7, terraformVersion: "1.9.0", resourceCount: 0, unreadReason },
      });
    }
  });

  test("takes the place of no plan: what is stored instead says why", async () => {
    expect(await ask({ kind: "plan-problem" }, Buffer.from(`[${"{},".repeat(maxDocumentValues)}{}]`))).toContain(
      "more than 2000000 values",
    );
    expect(await ask({ kind: "plan-problem" }, deep)).toBe("it is nested 200001 levels deep");
    expect(await ask({ kind: "plan-problem" }, Buffer.from("[]"))).toBe("it has not the shape of a summary");
    expect(await ask({ kind: "plan-problem" }, Buffer.from("{}"))).toBe("");
  });
});

describe("a summary that older versions have stored", () => {
  const plan = { kind: "plan", id: "run_1", ...page } as const;

  test("is shown", async () => {
    const resource = {
      address: "a.b",
      action: "update",
      before: { x: 1 },
      after: { x: { masked: true, changed: true } },
    };
    const stored = {
      terraformVersion: "1.11.4",
      resources: [resource],
      outputs: [{ name: "o", action: "create", after: 1 }],
    };
    expect(await ask(plan, Buffer.from(JSON.stringify(stored)))).toMatchObject({
      changes: {
        rows: [
          { kind: "change", resource: { address: "a.b", attributes: [{ path: "x", isSensitive: true }] } },
          { kind: "output", output: { name: "o", change: { afterJson: "1" } } },
        ],
      },
    });
  });

  test.each(["no!", "", "[", '{"what":1', '{"resources":3}', "null"])("and is none is not found: %s", async (text) => {
    await expect(ask(plan, Buffer.from(text))).rejects.toMatchObject({ code: "not_found" });
  });
});

test("a large document is read in a thread, and the loop goes on meanwhile", async () => {
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const listed = await ask({ kind: "instances", id: "sv_1", ...page }, large);
  clearInterval(ticking);
  expect(listed.rows).toMatchObject([{ address: "t.n", resourceId: "i" }]);
  expect(JSON.stringify(listed)).not.toContain("secret");
  expect(turns).toBeGreaterThan(0);
});

test("who asks the same of the same document gets the answer that is there, or on its way", async () => {
  let loads = 0;
  const load = async () => {
    loads += 1;
    return [large];
  };
  const outputs = () => documents.ask({ kind: "outputs", id: "sv_1", ...part }, { of: "org_a", key: "blob", load });
  const answers = await Promise.all([outputs(), outputs(), outputs()]);
  expect([...answers, await outputs()].map(({ rows }) => rows[0]?.name)).toEqual(["a", "a", "a", "a"]);
  expect(loads).toBe(1);
});

test("one document is in memory at a time, and organizations take turns", async () => {
  const order: string[] = [];
  let inMemory = 0;
  const look = (of: string) =>
    documents.ask(
      { kind: "outputs", id: "sv_1", ...part },
      {
        of,
        load: async () => {
          order.push(of);
          expect(++inMemory).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          inMemory -= 1;
          return [stateWith('"outputs":{}')];
        },
      },
    );
  await Promise.all(["a", "a", "a", "b"].map(look));
  expect(order).toEqual(["a", "b", "a", "a"]);
});

test("what an answer has no room for comes in the next one, and no row is lost or comes twice", async () => {
  const texts = Array.from(
    { length: 40 },
    (_, n) => `"o${String(n).padStart(2, "0")}":{"value":"${"é".repeat(50_000)}"}`,
  );
  const state = stateWith(`"outputs":{${texts}}`);
  const names: string[] = [];
  let answers = 0;
  for (let after: number | null = null; ; answers++) {
    const { rows, isEnd }: Excerpt<StateOutput> = await ask({ kind: "outputs", id: "sv_1", after, limit: 1000 }, state);
    expect(Buffer.byteLength(JSON.stringify(rows))).toBeLessThan(1024 * 1024);
    names.push(...rows.map(({ name }) => name));
    after = rows.at(-1)?.place ?? null;
    if (isEnd) break;
  }
  expect(names).toEqual(Array.from({ length: 40 }, (_, n) => `o${String(n).padStart(2, "0")}`));
  expect(answers).toBe(4);
});

test("a value that is longer than an answer is left out, and its size is told", async () => {
  const state = stateWith(`"outputs":{"big":{"value":"${"x".repeat(2_000_000)}"},"small":{"value":1}}`);
  expect((await ask({ kind: "outputs", id: "sv_1", ...part }, state)).rows).toEqual([
    { name: "big", valueJson: "", valueBytes: 2_000_002, place: 0 },
    { name: "small", valueJson: "1", valueBytes: 1, place: 1 },
  ]);
});

test("of a resource that changes too much first values and then attributes are left out, and that is told", async () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`attribute_${n}`, "x".repeat(n % 200)]));
  const summary = { resources: [{ address: "t.many", action: "update", before: {}, after: many }] };
  const { changes } = await ask({ kind: "plan", id: "run_1", ...part }, Buffer.from(JSON.stringify(summary)));
  const [row] = changes.rows;
  if (row?.kind !== "change") throw new Error("a change was expected");
  const { attributes, attributesLeftOut } = row.resource;
  expect(attributes.length + attributesLeftOut).toBe(20_000);
  expect(Buffer.byteLength(JSON.stringify(attributes))).toBeLessThan(540_000);
  expect(attributesLeftOut).toBeGreaterThan(0);
  expect(attributes[10]).toMatchObject({ isTooLong: false });
  expect(attributes.filter(({ isTooLong }) => isTooLong).every(({ afterJson }) => afterJson === "")).toBe(true);
});

test("what a thread cannot read does not break the next question", async () => {
  await expect(
    ask({ kind: "outputs", id: "sv_1", ...part }, Buffer.from(`{${" ".repeat(100_000)}`)),
  ).rejects.toMatchObject({
    code: "validation",
  });
  expect((await ask({ kind: "outputs", id: "sv_1", ...part }, large)).rows).toMatchObject([{ name: "a" }]);
});
