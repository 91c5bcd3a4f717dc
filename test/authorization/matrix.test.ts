import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ErrorCode } from "../../src/lib/words/errors.ts";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { statusOf } from "../../src/rpc/calls/errors.ts";
import { outcomeOf } from "./call.ts";
import { expected } from "./expectation.ts";
import { publishedMethods } from "./methods.ts";
import type { Outcome, Row } from "./row.ts";
import { isChange, matrix } from "./rows/index.ts";
import { openWorld, type PrincipalName, type Where, type World, wheres } from "./world.ts";

// A row calls as every principal there is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test("every RPC has a row", async () => {
  expect(matrix.map(({ method }) => nameOf(method)).sort()).toEqual((await publishedMethods()).map(nameOf).sort());
});

const whereOf = ({ names }: Row): readonly Where[] =>
  names === "thing" ? wheres : names === "organization" ? wheres.filter((where) => where !== "sibling pool") : ["own"];

/** Ids that must not be in any answer to this caller: those of the other organization. */
function hiddenFrom(who: string): readonly string[] {
  if (who === "site admin") return [];
  const { organization: _name, ...ids } = world.places[who === "owner of the sibling" ? "own" : "sibling organization"];
  return Object.values(ids);
}

const shown = (outcome: Outcome): string =>
  outcome === "OK" ? "OK" : `${Code[statusOf[outcome.toLowerCase() as ErrorCode]]} ${outcome}`;

describe.each(matrix.map((row) => [nameOf(row.method), row] as const))("%s", (_name, row) => {
  test.each(whereOf(row))("%s", async (where) => {
    const got: Record<string, string> = {};
    const wanted: Record<string, string> = {};
    for (const [who, credential] of Object.entries(world.credentials)) {
      const outcome = expected(row, who, where);
      // What is refused must change nothing: those calls share one place.
      const isMine = outcome !== "OK" || !isChange(row);
      const place = isMine ? world.places[where] : await world.fresh(where);
      const agent = (who as PrincipalName).includes("sibling pool") ? world.agents.siblingPool : world.agents.own;
      const request = row.request({ place, agent });
      wanted[who] = shown(outcome);
      got[who] = await outcomeOf(world.transport, { method: row.method, credential, request }, hiddenFrom(who));
    }
    expect(got).toEqual(wanted);
  });
});
