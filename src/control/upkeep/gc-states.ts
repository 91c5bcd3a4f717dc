import { isStateExpendable, type KeptStates, untouchedStates } from "../../domain/people/retention.ts";
import type { Position } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { SupersededState } from "../../store/ports/upkeep.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { collectRows, type RowKind } from "./gc-rows.ts";

/** How many states one look passes by. */
const seenStates = 500;

/** Deletes states that were superseded long ago, or by many others. Their objects go as those that nothing refers to. */
export async function collectStates(control: GcControl, options: GcOptions, gone: Gone): Promise<GcCount> {
  const keep = options.retention.states;
  let bytes = 0;
  if (keep !== null) {
    const question: Question = { keep, now: control.clock.now(), gone };
    const kind: RowKind<SupersededState, string> = {
      page: async (q, after) => {
        const { states, next } = await q.upkeep.supersededStates({ after, limit: seenStates });
        return { rows: await old(q, states, question), next };
      },
      mayGo: (q, { id }) => mayGo(q, id, question),
      remove: (tx, { id }) => tx.states.delete(id),
    };
    await collectRows(control, options, kind, (row) => {
      gone.states.add(row.id);
      bytes += row.bytes;
    });
  }
  return { kind: "states", count: gone.states.size, bytes };
}

interface Question {
  readonly keep: KeptStates;
  readonly now: Date;
  readonly gone: Gone;
}

const isBehind = (position: Position, bound: Position | null): boolean =>
  bound !== null &&
  (position.at < bound.at || (position.at.getTime() === bound.at.getTime() && position.id < bound.id));

/** The states that nothing but their age may keep: one look for each workspace finds the others. */
async function old(
  q: Queries,
  states: readonly SupersededState[],
  { keep, gone }: Question,
): Promise<readonly SupersededState[]> {
  const bounds = new Map<string, Position | null>();
  const found: SupersededState[] = [];
  for (const state of states) {
    if (isHeld(state, gone)) continue;
    const { workspaceId } = state;
    if (!bounds.has(workspaceId))
      bounds.set(workspaceId, await q.upkeep.acceptedStateAt(workspaceId, untouchedStates(keep)));
    if (isBehind({ at: state.createdAt, id: state.id }, bounds.get(workspaceId) ?? null)) found.push(state);
  }
  return found;
}

/** A run that goes with this collection holds nothing. */
const isHeld = ({ runId, isPointedTo }: Pick<SupersededState, "runId" | "isPointedTo">, { runs }: Gone): boolean =>
  isPointedTo && (runId === null || !runs.has(runId));

async function mayGo(q: Queries, id: SupersededState["id"], { keep, now, gone }: Question): Promise<boolean> {
  const state = await q.states.get(id);
  if (state === undefined) return false;
  const position = { at: state.createdAt, id };
  const workspace = await q.workspaces.get(state.workspaceId);
  const bound = await q.upkeep.acceptedStateAt(state.workspaceId, untouchedStates(keep));
  const isPointedTo = isHeld({ runId: state.runId, isPointedTo: await q.upkeep.isPointedTo(id) }, gone);
  const surroundings = {
    currentStateId: workspace?.currentStateId ?? null,
    isOld: isBehind(position, bound),
    supersededAt: await q.upkeep.supersededAt(state.workspaceId, position),
    isPointedTo,
  };
  return isStateExpendable(state, surroundings, { keep, now });
}
