import type { Principal } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { EventMark, TimelineEvent } from "../../domain/runs/timeline.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { RowRange, RunFilter } from "../../store/ports/runs.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findRun, notFound } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type RunListFilter, rowFilter } from "./list.ts";
import { type RunView, viewRuns } from "./view.ts";

/** A run with what has happened to it. */
export interface ToldRun {
  readonly view: RunView;
  /** Oldest first: the first hundred, and all that moved it. */
  readonly marks: readonly EventMark[];
}

/** Rows of a list, and how many it has in all where they were counted. */
export interface NumberedRows<T> {
  readonly rows: readonly T[];
  readonly total: number | undefined;
  readonly hasMore: boolean;
}

const marksOfEach = 100;

async function told(control: Control, q: Queries, runs: readonly Run[]): Promise<readonly ToldRun[]> {
  const views = await viewRuns(control, q, runs);
  const marks = Map.groupBy(
    await q.runEvents.marks(
      runs.map(({ id }) => id),
      marksOfEach,
    ),
    ({ runId }) => runId,
  );
  return views.map((view) => ({ view, marks: marks.get(view.run.id) ?? [] }));
}

/** One run, with what has happened to it. */
export const getToldRun = (control: Control, who: Principal, id: string): Promise<ToldRun> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const [found] = await told(control, q, [await findRun(q, person, id)]);
    if (found === undefined) throw notFound("run", id);
    return found;
  });

export interface NumberedRuns {
  readonly filter: RunListFilter;
  readonly rows: RowRange;
  readonly isCounted: boolean;
}

/** Runs newest first, by their number. Their texts are there: a page of very large ones is refused. */
export async function listToldRuns(
  control: Control,
  who: Principal,
  { filter, rows, isCounted }: NumberedRuns,
): Promise<NumberedRows<ToldRun>> {
  const person = asPerson(who);
  demand(person, "read");
  const { store } = control;
  const wanted = await store.read((q) => rowFilter(q, person, filter));
  const total = isCounted ? await store.read((q) => q.runs.count(wanted)) : undefined;
  const { offset, limit } = rows;
  const found = await fewAtATime(control, wanted, { offset, limit: limit + 1 });
  const shown = found.slice(0, limit);
  return {
    rows: await store.read((q) => told(control, q, shown)),
    total,
    hasMore: total === undefined ? found.length > limit : offset + limit < total,
  };
}

/** Of how many runs the options are read at a time, and how many bytes those of a page may have: each may have 1 MiB. */
const fewRuns = 20;
const maxPageBytes = 16 * 1024 * 1024;

async function fewAtATime({ store }: Control, filter: RunFilter, { offset, limit }: RowRange): Promise<readonly Run[]> {
  const found: Run[] = [];
  let bytes = 0;
  while (found.length < limit) {
    const few = { offset: offset + found.length, limit: Math.min(fewRuns, limit - found.length) };
    const rows = await store.read((q) => q.runs.range(filter, few));
    found.push(...rows);
    for (const { options } of rows) bytes += JSON.stringify(options).length;
    if (bytes > maxPageBytes) throw tooLarge();
    if (rows.length < few.limit) break;
  }
  return found;
}

const tooLarge = () =>
  new WindlassError(
    "answer_too_large",
    "the runs of this page have too long variables and addresses: ask for smaller pages",
  );

/** How many runs of an organization wait, and how many are at work. */
export const countRuns = (
  control: Control,
  who: Principal,
  reference: string,
): Promise<{ readonly organization: string; readonly pending: number; readonly running: number }> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const { id: organizationId, name: organization } = await findOrganization(q, person, reference);
    const count = (statuses: readonly Run["status"][]) =>
      q.runs.count({ organizationId, workspaceId: null, isActive: true, statuses });
    const pending = await count(["pending", "plan_queued", "apply_queued"]);
    return { organization, pending, running: await count(["planning", "applying"]) };
  });

/** What happened to a run, or what people have said about it, oldest first and by number. */
export const listNumberedEvents = (
  control: Control,
  who: Principal,
  { id, rows, isComment }: { readonly id: string; readonly rows: RowRange; readonly isComment: boolean },
): Promise<NumberedRows<TimelineEvent>> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const run = await findRun(q, person, id);
    const total = await q.runEvents.count(run.id, { isComment });
    const found = await q.runEvents.range(run.id, { ...rows, isComment });
    return { rows: found, total, hasMore: rows.offset + rows.limit < total };
  });

/** One event of a run, by its place in the timeline. */
export const getRunEvent = (
  control: Control,
  who: Principal,
  { id, position }: { readonly id: RunId; readonly position: number },
): Promise<TimelineEvent> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const run = await findRun(q, person, id);
    const found = await q.runEvents.get(run.id, position);
    if (found === undefined) throw notFound("event", String(position));
    return found;
  });
