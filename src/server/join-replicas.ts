import type { Control } from "../control/core/control.ts";
import { Membership } from "../control/replicas/membership.ts";
import { graceAfterStart } from "../control/runs/sweeper.ts";
import type { Readiness } from "../http/readiness.ts";
import type { Opening } from "./opening.ts";

/** This process among the others that serve its database. */
export interface Joined {
  /** Begins to take part, for as long as the signal lets it. */
  start(readiness: Readiness, signal: AbortSignal): readonly Promise<void>[];
  /** Where it listens. */
  setAddress(address: string): void;
}

/** With SQLite no other process can be there. */
const alone: Joined = { start: () => [], setAddress: () => {} };

/** Enters this process among those that serve the database. The first one gives what ran before time to come back. */
export async function joinReplicas({ database }: Opening, control: Control): Promise<Joined> {
  if (database === undefined) {
    await graceAfterStart(control);
    return alone;
  }
  let readiness: Readiness | undefined;
  const nothing = () => {};
  const membership = new Membership(control, {
    ...{ onArrival: nothing, onGap: nothing, onBack: nothing, onGone: nothing },
    onLook: () => readiness?.look(),
  });
  await membership.enter(await database.livingReplicas());
  return {
    start: (given, signal) => {
      readiness = given;
      given.hinder(() => membership.trouble);
      return [membership.run(signal)];
    },
    setAddress: (address) => {
      membership.address = address;
    },
  };
}
