import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestPlan } from "./plan-digest.ts";

let dir = "";
let path = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-digest-"));
  path = join(dir, "show.out");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const question = () => ({
  path,
  secrets: ["hunter2-hunter2"],
  facts: { isRefreshOnly: false, isTofu: false },
  outside: { directories: ["/tmp"], brought: ["/srv/config", "/tmp/w/shared-states"] },
});
const plan = (more: object = {}) =>
  `a warning\n${JSON.stringify({
    terraform_version: "1.11.4",
    output_changes: { o: { actions: ["create"], before: null, after: "x hunter2-hunter2", after_unknown: false } },
    prior_state: {
      values: { root_module: { resources: [{ mode: "data", address: "data.d.d", values: { p: "/tmp/f" } }] } },
    },
    ...more,
  })}\n`;

test("a plan is the same in a thread as beside everything else", async () => {
  await writeFile(path, plan());
  const here = await digestPlan(question());
  const there = await digestPlan(question(), { smallBytes: 0 });
  expect(there).toEqual(here);
  if (here.kind !== "digested") throw new Error("expected a digest");
  expect(here.elsewhere).toEqual([{ address: "data.d.d", path: "/tmp/f" }]);
  expect(Buffer.concat(here.summary).toString()).not.toContain("hunter2");
});

test("one of too many values is refused before it is parsed, beside other work", async () => {
  await writeFile(path, plan({ x: Array.from({ length: 3_000_000 }, () => ({})) }));
  let turns = 0;
  let timer = setImmediate(function count() {
    turns += 1;
    timer = setImmediate(count);
  });
  try {
    expect(await digestPlan(question(), { maxValues: 2_999_999 })).toMatchObject({ kind: "too-large" });
  } finally {
    clearImmediate(timer);
  }
  expect(turns).toBeGreaterThan(10);
});

test("one that no text can hold is not read", async () => {
  await writeFile(path, "{");
  await truncate(path, 60 * 1024 ** 3);
  expect(await digestPlan(question())).toEqual({ kind: "too-large", bytes: 60 * 1024 ** 3 });
});
