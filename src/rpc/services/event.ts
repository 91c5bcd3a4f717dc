import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { type ChangedThings, watchEvents } from "../../control/events/watch.ts";
import {
  EventSchema,
  type EventService,
  type WatchEventsResponseSchema,
} from "../../gen/windlass/v1/event_service_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import { callerOf } from "../calls/caller.ts";
import { toEvent } from "../mapping/event.ts";
import { toPieces } from "../mapping/page.ts";
import { withSigns } from "../streams/signs-of-life.ts";

type WatchMessage = MessageInitShape<typeof WatchEventsResponseSchema>;

/** Tells what changes. */
export const eventService = (control: Control): ServiceImpl<typeof EventService> => ({
  async *watchEvents({ organization, cursor }, context) {
    const { signal } = context;
    const told = watchEvents(control, callerOf(context), { organization, cursor, signal });
    yield* withSigns<WatchMessage>(inMessages(told, cursor, control.clock), {
      clock: control.clock,
      sign: (last) => ({ events: [], cursor: last?.cursor ?? cursor }),
    });
  },
});

/** In messages that every client can read. Only with the last of them all is told: the others have the cursor before. */
async function* inMessages(
  told: AsyncIterable<ChangedThings>,
  from: string,
  clock: Clock,
): AsyncGenerator<WatchMessage, void> {
  let before = from;
  for await (const { things, cursor } of told) {
    const pieces = [
      ...toPieces(
        EventSchema,
        things.map((thing) => create(EventSchema, toEvent(thing, clock.now()))),
      ),
    ];
    if (pieces.length === 0) yield { events: [], cursor };
    for (const [index, events] of pieces.entries())
      yield { events, cursor: index === pieces.length - 1 ? cursor : before };
    before = cursor;
  }
}
