import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { memoryLog } from "../../src/lib/program/log.ts";
import { apiRoutes } from "../../src/tfe/routes.ts";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";
import { newPool } from "../support/wanted.ts";
import type { TfeRow } from "./rows/row.ts";
import { allRows } from "./rows/rows.ts";

const { log, records } = memoryLog("error");
let tfe: TestTfe;
beforeAll(async () => {
  tfe = await openTestTfe({ log });
  await createPool(tfe.control, tfe.as("owner"), newPool("prod"));
});
afterAll(() => tfe[Symbol.asyncDispose]());

const nest = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
const many = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one);

/** A resource every known attribute and relationship of which is of another type. */
const oddResource = (value: unknown) => {
  const names = ["name", "key", "value", "serial", "md5", "state", "description", "email", "message", "variables"];
  const more = ["target-addrs", "setting-overwrites", "execution-mode", "organization-scoped", "hcl", "body"];
  const related = [
    "workspace",
    "workspaces",
    "run",
    "project",
    "tags",
    "tag-bindings",
    "configuration-version",
    "vars",
  ];
  const whole = (list: readonly string[]) => Object.fromEntries(list.map((name) => [name, value]));
  return { data: { attributes: whole([...names, ...more]), relationships: whole(related) } };
};

/** What no client of good will sends. */
const bodies: Readonly<Record<string, string>> = {
  "no JSON": "{",
  "no text": "\u00ff\u0000",
  null: "null",
  "a list": "[]",
  "a list of numbers": JSON.stringify({ data: many(50_000, 1) }),
  "a list of nothings": JSON.stringify({ data: many(50_000, {}) }),
  "another type": JSON.stringify({ data: { type: "__proto__", attributes: {} } }),
  "ten thousand lists in each other": nest,
  "the same as data": `{"data":${nest}}`,
  "numbers everywhere": JSON.stringify(oddResource(1e308)),
  "lists everywhere": JSON.stringify(oddResource([[[]]])),
  "objects everywhere": JSON.stringify(oddResource({ data: { data: {} } })),
  "nothing everywhere": JSON.stringify(oddResource(null)),
  "control characters everywhere": JSON.stringify(oddResource("\u0000\ud800\r\n")),
  "a thousand times a thousand characters everywhere": JSON.stringify(oddResource("x".repeat(30_000))),
};

async function addressOf(row: TfeRow): Promise<readonly [method: string, address: string]> {
  const [method = "", path = ""] = row.pattern.split(" ");
  const request = (await row.request?.(tfe, tfe.organization)) ?? {};
  const params: Readonly<Record<string, string>> = { organization: tfe.organization.name, ...request.params };
  const asked = path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? ""));
  return [method, `${asked}${request.query ?? ""}`];
}

const isWriting = ({ pattern }: { readonly pattern: string }) => !pattern.startsWith("GET ");

describe.each(allRows.filter(isWriting))("$pattern", (row) => {
  test("takes nonsense for what it is", async () => {
    for (const [what, body] of Object.entries(bodies)) {
      const [method, address] = await addressOf(row);
      const { status } = await tfe.call(method, address, body, { token: tfe.keys.owner });
      expect(status, what).toBeLessThan(500);
    }
    expect(records).toEqual([]);
  });
});

const queries = [
  "page[size]=1000000000&page[number]=100000",
  "page[size]=1e9",
  "page[number]=-1",
  `page[number]=${"9".repeat(400)}`,
  `sort=${"x".repeat(4_000)}`,
  `include=${"a,".repeat(2_000)}`,
  `q=${encodeURIComponent("%_\\\u0000".repeat(300))}`,
  `search[name]=${encodeURIComponent("%_\\\u0000".repeat(300))}`,
  `search[wildcard-name]=${"*a".repeat(1_000)}`,
  `search[tags]=${"a,".repeat(2_000)}`,
  `search[user]=%00&search[basic]=%00&search[commit]=%00`,
  "filter[status]=__proto__,constructor&filter[source]=constructor&filter[operation]=__proto__",
  "filter[current-run][status]=constructor&filter[project][id]=%00",
  "filter[organization][name]=%00&filter[workspace][name]=%00",
  Array.from({ length: 300 }, (_, index) => `filter[tagged][${index}][key]=k&filter[tagged][${index}][value]=%00`).join(
    "&",
  ),
];

test.each(apiRoutes.filter((route) => !isWriting(route)))(
  "$pattern with odd queries is no fault",
  async ({ pattern }) => {
    const row = allRows.find((one) => one.pattern === pattern);
    if (row === undefined) throw new Error(`${pattern} has no row`);
    const [method, address] = await addressOf(row);
    const path = address.split("?", 1)[0] ?? "";
    for (const query of queries) {
      const { status } = await tfe.call(method, `${path}?${query}`, undefined, { token: tfe.keys.owner });
      expect(status, query.slice(0, 60)).toBeLessThan(500);
    }
    expect(records).toEqual([]);
  },
);
