import type { Control } from "../control/core/control.ts";
import { Announcer } from "../control/replicas/announcer.ts";
import { Membership } from "../control/replicas/membership.ts";
import { SharedPresence } from "../control/replicas/shared-presence.ts";
import { lookAfterWishes } from "../control/replicas/wishes.ts";
import { graceAfterStart } from "../control/runs/sweeper.ts";
import type { Readiness } from "../http/readiness.ts";
import { openNoticeLine } from "../store/open.ts";
import type { Opening } from "./opening.ts";
import { directOf } from "./settings.ts";

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
export async function joinReplicas(opening: Opening, control: Control): Promise<Joined> {
  const { settings, database, log, clock, random, owned, deadline } = opening;
  const place = directOf(settings);
  if (place === undefined || database === undefined) {
    await graceAfterStart(control);
    return alone;
  }
  const isNeeded = () => !control.replicas.isAlone;
  const line = owned.use(openNoticeLine({ ...place, log, clock, random, isNeeded, cutOff: deadline.signal }));
  let readiness: Readiness | undefined;
  const announcer = new Announcer(control, line, () => membership.noteLoss());
  const shared = new SharedPresence(control);
  const membership: Membership = new Membership(control, {
    onArrival: () => announcer.tellAll(),
    onGap: () => announcer.missed(),
    onBack: () => {
      shared.rewrite();
      announcer.missed();
    },
    onGone: () => shared.forget(),
    onLook: () => readiness?.look(),
  });
  await announcer.listen();
  await membership.enter(await database.livingReplicas());
  return {
    start: (given, signal) => {
      readiness = given;
      given.hinder(() => membership.trouble);
      return [membership.run(signal), announcer.run(signal), lookAfterWishes(control, signal), shared.run(signal)];
    },
    setAddress: (address) => {
      membership.address = address;
    },
  };
}
