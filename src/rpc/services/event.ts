import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import type { ChangedThing } from "../../control/events/changed-things.ts";
import { type ChangedThings, EventWatch } from "../../control/events/watch.ts";
import {
  type Event,
  EventSchema,
  type EventService,
  type WatchEventsResponseSchema,
} from "../../gen/windlass/v1/event_service_pb.ts";
import { taken } from "../../lib/async/pace.ts";
import type { Clock } from "../../lib/clock.ts";
import { callerOf, cutKey } from "../calls/caller.ts";
import { toEvent } from "../mapping/event.ts";
import { toPieces } from "../mapping/page.ts";
import { withSigns } from "../streams/signs-of-life.ts";

type WatchMessage = MessageInitShape<typeof WatchEventsResponseSchema>;

/** Tells what changes. */
export function eventService(control: Control): ServiceImpl<typeof EventService> {
  const events = new EventWatch(control);
  const toMessage = rememberedMessages(control.clock);
  return {
    async *watchEvents({ organization, cursor }, context) {
      const { signal } = context;
      const told = events.watch(callerOf(context), { organization, cursor, signal });
      const messages = withSigns<WatchMessage>(inMessages(told, cursor, toMessage), {
        clock: control.clock,
        sign: (last) => ({ events: [], cursor: last?.cursor ?? cursor }),
      });
      yield* taken(messages, control.clock, context.values.get(cutKey));
    },
  };
}

/** What many are told is made into a message once. */
function rememberedMessages(clock: Clock): ToMessage {
  const messages = new WeakMap<ChangedThing, Event>();
  return (thing) => {
    const known = messages.get(thing);
    if (known !== undefined) return known;
    const message = create(EventSchema, toEvent(thing, clock.now()));
    messages.set(thing, message);
    return message;
  };
}

type ToMessage = (thing: ChangedThing) => Event;

/** In messages that every client can read. Only with the last of them all is told: the others have the cursor before. */
async function* inMessages(
  told: AsyncIterable<ChangedThings>,
  from: string,
  toMessage: ToMessage,
): AsyncGenerator<WatchMessage, void> {
  let before = from;
  for await (const { things, cursor } of told) {
    const pieces = [...toPieces(EventSchema, things.map(toMessage))];
    for (const [index, events] of pieces.entries())
      yield { events, cursor: index === pieces.length - 1 ? cursor : before };
    before = cursor;
  }
}
