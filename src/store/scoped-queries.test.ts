import { expect, test } from "vitest";
import { beside, WiderLocksNeeded, WriteScope } from "./engine/write-scope.ts";
import type { Queries } from "./ports/store.ts";
import { scopedQueries } from "./scoped-queries.ts";

/** Queries that do nothing. */
const nothing = (async () => undefined) as never;
const idle = {
  variables: { delete: nothing },
  workspaces: { setConsumers: nothing, moveConsumer: nothing },
} as unknown as Queries;

/** What a write would have to lock for this. */
async function lockedFor(change: (queries: Queries) => Promise<unknown>): Promise<readonly string[]> {
  const scope = new WriteScope();
  scope.begin(beside);
  await expect(change(scopedQueries(idle, scope))).rejects.toThrow(WiderLocksNeeded);
  return [...scope.used].map(([key, mode]) => `${key} ${mode}`);
}

test("a variable of a workspace, and who may read its state, are changed beside other workspaces", async () => {
  const ofOne = ["everything shared", "workspace/ws_1 alone"];
  expect(await lockedFor((tx) => tx.variables.delete("ws_1", "env", "A"))).toEqual(ofOne);
  expect(await lockedFor((tx) => tx.workspaces.setConsumers("ws_1", ["other"]))).toEqual(ofOne);
});

test("what goes by names keeps all other writes away", async () => {
  expect(await lockedFor((tx) => tx.workspaces.moveConsumer("org_1", "old", "new"))).toEqual(["everything alone"]);
});
