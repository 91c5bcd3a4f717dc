import { beforeAll, test } from "vitest";
import type { Stage } from "../support/stage.ts";
import {
  expectCanceled,
  expectFollowedLive,
  expectIdle,
  expectLargeThings,
  expectStateThereAndBack,
} from "./conditions.ts";
import type { Front, Way } from "./front.ts";
import { openTraveller, type Traveller, type TravelOptions } from "./traveller.ts";

/** What stands between a server and those who travel to it. */
export interface Passage extends TravelOptions {
  readonly way: Way;
  /** Restarted in the middle of an apply. */
  readonly front: Pick<Front, "restart">;
}

/** Tests that an agent and a client do everything on a way that they do without anything between them and the server. */
export function testTravels(stage: Stage, open: () => Promise<Passage>): void {
  let opened: { readonly traveller: Traveller; readonly passage: Passage } | undefined;
  const there = () => {
    if (opened === undefined) throw new Error("the way was not opened");
    return opened;
  };
  beforeAll(async () => {
    const passage = await open();
    opened = { passage, traveller: await openTraveller(stage, passage.way, passage) };
  });
  test("the agent is connected and idle", () => expectIdle(there().traveller));
  test("an apply is followed as it prints; a restart in its middle costs neither a line nor a second apply", () =>
    expectFollowedLive(there().traveller, () => there().passage.front.restart()));
  test("a configuration of 30 MB, a plan and a state of more than 1 MiB and a log of 3.6 MB arrive whole", () =>
    expectLargeThings(there().traveller));
  test("a state of 20 MB goes up and comes back", async () => {
    await expectStateThereAndBack(there().traveller);
  });
  test("a cancel arrives within 5 s", () => expectCanceled(there().traveller));
}
