import type { AgentId } from "../../lib/words/ids.ts";
import { type Control, topics } from "../core/control.ts";

/** The floor under the notices: what another replica wants of an agent here costs this long at the most. */
const lookMs = 2_000;
/** A look that took long is followed by so many times its length. */
const restFactor = 20;

/**
 * Looks, while others serve the database too, whether anything else is wanted of the agents that are connected here, all of them by one
 * look, and wakes the sessions of those of which it is. Until the signal is aborted.
 */
export async function lookAfterWishes(control: Control, signal: AbortSignal): Promise<void> {
  const { clock, replicas, log } = control;
  let known: ReadonlyMap<AgentId, string> = new Map();
  for (let restMs = lookMs; ; ) {
    await clock.sleep(restMs, signal).catch(() => {});
    if (signal.aborted) return;
    if (replicas.isAlone) known = new Map();
    else {
      const startedMs = clock.monotonicMs();
      try {
        known = await look(control, known);
      } catch (err) {
        log.warn({ err }, "what is wanted of agents could not be read");
      }
      restMs = Math.max(lookMs, restFactor * (clock.monotonicMs() - startedMs));
    }
  }
}

async function look(
  { presence, store, wake }: Control,
  known: ReadonlyMap<AgentId, string>,
): Promise<ReadonlyMap<AgentId, string>> {
  const ids = presence.all().map(({ agentId }) => agentId);
  if (ids.length === 0) return new Map();
  const wishes = new Map(
    (await store.read((q) => q.presences.wishes(ids))).map(({ agentId, text }) => [agentId, text]),
  );
  // One that is new here may have read what is wanted of it before the last change.
  for (const id of ids) if (!wishes.has(id) || known.get(id) !== wishes.get(id)) wake.hear(topics.agent(id));
  return wishes;
}
