import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type Event, EventService } from "../../../src/gen/windlass/v1/event_service_pb.ts";
import { keepOpen, type LiveState, type StreamAttempt } from "./keep-open.ts";
import { problemOf } from "./problem.ts";
import { session } from "./session.ts";

/** What the stream of events tells. */
export interface EventListener {
  onEvents(events: readonly Event[]): void;
  /** The stream has begun: what was read before may be older than it. */
  onBegin(): void;
  /** Anything may have changed unseen: read again what is shown. */
  onGap(): void;
  onState(state: LiveState): void;
}

/** Follows an organization's events until the signal, over every break. */
export async function followEvents(
  transport: Transport,
  organization: string,
  listener: EventListener,
  signal: AbortSignal,
): Promise<void> {
  const client = createClient(EventService, transport);
  let cursor = "";
  let hasBegun = false;
  const read = async (attempt: StreamAttempt) => {
    const messages = client.watchEvents({ organization, cursor }, { signal: attempt.signal });
    for await (const { events, cursor: next } of messages) {
      attempt.heard();
      if (!hasBegun) listener.onBegin();
      else if (cursor === "") listener.onGap();
      hasBegun = true;
      cursor = next;
      if (events.length > 0) listener.onEvents(events);
    }
    return "broken" as const;
  };
  const readOrBegin = async (attempt: StreamAttempt) => {
    try {
      return await read(attempt);
    } catch (error) {
      if (ConnectError.from(error).code === Code.Unauthenticated) session.end();
      if (problemOf(error).reason !== "CURSOR_EXPIRED") return "broken" as const;
      // The server is there and has forgotten: nothing is to be waited for.
      cursor = "";
      return read(attempt);
    }
  };
  await keepOpen(readOrBegin, listener.onState, signal);
}
