import { expect, test } from "vitest";
import { type Mutant, type Play, play, verdict } from "./play.ts";
import * as spoils from "./spoils.ts";
import { cancelToldTwice, lateSnapshot, lateState, movedBase, serialStays, stateReturns } from "./stories.ts";

/** The seeds are those that find it soon. */
const mutants: readonly (Mutant & Pick<Play, "seed" | "stories"> & { readonly name: string })[] = [
  {
    name: "an agent that forgets that it has executed an apply",
    spoil: spoils.forgottenExecutions,
    breaks: "I1",
    seed: 4,
  },
  {
    name: "an apply that goes back to the queue when its lease is over",
    spoil: spoils.requeuedApplies,
    breaks: "I1",
    seed: 1,
  },
  {
    name: "a workspace that is free as soon as an agent is lost",
    spoil: spoils.freedWorkspaces,
    breaks: "I2",
    seed: 1,
  },
  { name: "log bytes that are acknowledged and not stored", spoil: spoils.forgetfulLogs, breaks: "I3", seed: 1 },
  { name: "a lease that never ends", spoil: spoils.endlessLeases, breaks: "I7", seed: 1 },
  { name: "an apply that is canceled though nobody wants it", spoil: spoils.unwantedCancels, breaks: "I9", seed: 1 },
  {
    name: "a second interrupt by an agent that forgets the first",
    spoil: spoils.forgottenInterrupts,
    breaks: "I9",
    seed: 1,
    stories: [cancelToldTwice],
  },
  { name: "a state that is acknowledged and not stored", spoil: spoils.forgottenStates, breaks: "I10", seed: 1 },
  {
    name: "a late state that replaces a newer one",
    spoil: spoils.unguardedStates,
    breaks: "I11",
    seed: 1,
    stories: [lateState],
  },
  {
    name: "a serial that must rise with every state of a job",
    spoil: spoils.strictSerials,
    breaks: "I10",
    seed: 1,
    stories: [serialStays],
  },
  {
    name: "an apply that is errored because it ends in the state it began with",
    spoil: spoils.stubbornLosses,
    breaks: "I18",
    seed: 1,
    stories: [stateReturns],
  },
  {
    name: "a late snapshot that replaces the last word of its job",
    spoil: spoils.forgottenOrder,
    breaks: "I11",
    seed: 1,
    stories: [lateSnapshot],
  },
  {
    name: "a saved plan of which is noted what is current when it starts",
    spoil: spoils.lateBases,
    breaks: "I36",
    seed: 1,
    stories: [movedBase],
  },
  { name: "an older stream that is left open", spoil: spoils.openStreams, breaks: "I17", seed: 9 },
];

test.each(mutants)("the schedules find $name", { timeout: 120_000 }, async ({ spoil, breaks, ...how }) => {
  const found = await play({ ...how, count: 60, maxSteps: 12, mutant: { spoil, breaks } });
  expect(verdict(found)).toContain(`${breaks}: `);
});
