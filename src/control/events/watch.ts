import type { Person, Principal } from "../../domain/people/principal.ts";
import { withoutTexts } from "../../domain/runs/listed-run.ts";
import { WakeUps } from "../../lib/async/wake-ups.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, type OrganizationId } from "../../lib/words/ids.ts";
import type { ChangedKind, ChangeFeed, RowChange } from "../../store/ports/change-feed.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type TokenView, viewTokens } from "../agents/tokens.ts";
import { type AgentView, viewAgents } from "../agents/view.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type RunView, viewRuns } from "../runs/view.ts";
import { type PoolView, viewPools } from "../workspaces/pool-view.ts";
import { viewWorkspaces, type WorkspaceView } from "../workspaces/view.ts";

/** Something as it is after its change, or that it is gone. */
export type ChangedThing =
  | { readonly kind: "run"; readonly view: RunView }
  | { readonly kind: "workspace"; readonly view: WorkspaceView }
  | { readonly kind: "pool"; readonly view: PoolView }
  | { readonly kind: "agent"; readonly view: AgentView }
  | { readonly kind: "token"; readonly view: TokenView }
  | { readonly kind: "gone"; readonly what: ChangedKind; readonly id: string };

/** What a watcher is told, and where it stands then. */
export interface ChangedThings {
  readonly things: readonly ChangedThing[];
  readonly cursor: string;
}

export interface EventWish {
  /** Id or name; empty is the caller's only one, and all of them for site admins. */
  readonly organization: string;
  /** Empty is from now on. */
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/** The floor under the wake-ups. */
const pollMs = 2_000;
/** What happens within this time is told together. */
const gatherMs = 50;
/** Changes that are looked at in one go: a reader that is slow is told the last of them only. */
const mostChanges = 5_000;
/** Things that are read in one transaction. */
const mostThings = 50;

/** Where things stand, and then whatever changes of what the caller may see, as it is when it is told. */
export async function* watchEvents(
  control: Control,
  who: Principal,
  { organization, cursor, signal }: EventWish,
): AsyncGenerator<ChangedThings, void> {
  const person = asPerson(who);
  demand(person, "read");
  const { store, clock } = control;
  const { changes } = store;
  const only = await scopeOf(control, person, organization);
  let position = cursor === "" ? changes.position : positionIn(changes, cursor);
  const wake = new WakeUps(clock);
  const stop = changes.listen(() => wake.notify(topic));
  try {
    if (cursor === "") yield { things: [], cursor: cursorAt(changes, position) };
    for (;;) {
      const seen = wake.version(topic);
      const found = changesAfter(changes, position);
      position = found.position;
      const told = found.changes.filter(({ organizationId }) => isSeen(person, only, organizationId));
      for (const some of inParts([...newestOf(told)])) {
        const things = await store.read((q) => thingsOf(control, q, some));
        if (things.length > 0) yield { things, cursor: cursorAt(changes, position) };
      }
      if (found.changes.length === mostChanges) continue;
      await wake.changedSince(topic, seen, { timeoutMs: pollMs, signal });
      await clock.sleep(gatherMs, signal);
    }
  } finally {
    stop();
  }
}

const topic = "changes";

/** The organization whose things are told; undefined is all that the caller sees. */
async function scopeOf(control: Control, person: Person, reference: string): Promise<OrganizationId | undefined> {
  if (reference === "" && person.organizationId === null) return undefined;
  return (await control.store.read((q) => findOrganization(q, person, reference))).id;
}

/** Site admins see the server's own agent beside the things of an organization. */
const isSeen = (person: Person, only: OrganizationId | undefined, owner: OrganizationId | null): boolean =>
  owner === null ? person.role === "site_admin" : only === undefined || owner === only;

const cursorAt = ({ id }: ChangeFeed, position: number): string => `${id}.${position}`;

function positionIn({ id }: ChangeFeed, cursor: string): number {
  const [feed, position, ...more] = cursor.split(".");
  const isOurs = feed === id && more.length === 0 && /^\d{1,15}$/.test(position ?? "");
  if (!isOurs) throw expired();
  return Number(position);
}

function changesAfter(changes: ChangeFeed, position: number) {
  const found = changes.since(position, mostChanges);
  if (found === undefined) throw expired();
  return found;
}

const expired = () =>
  new WindlassError(
    "cursor_expired",
    "what happened after this cursor is not known any more: read everything again, and watch without a cursor",
  );

/** Of each thing its last change, in the order of these. */
function newestOf(changes: readonly RowChange[]): Iterable<RowChange> {
  const newest = new Map<string, RowChange>();
  for (const change of changes) {
    const key = `${change.kind} ${change.id}`;
    newest.delete(key);
    newest.set(key, change);
  }
  return newest.values();
}

function* inParts(changes: readonly RowChange[]): Generator<readonly RowChange[]> {
  for (let from = 0; from < changes.length; from += mostThings) yield changes.slice(from, from + mostThings);
}

async function thingsOf(control: Control, q: Queries, changes: readonly RowChange[]): Promise<readonly ChangedThing[]> {
  const views = new Map<string, ChangedThing>();
  const idsOf = (kind: ChangedKind) => changes.filter((change) => change.kind === kind).map(({ id }) => id);
  for (const thing of [
    ...(await runsOf(control, q, idsOf("run"))),
    ...(await workspacesOf(q, idsOf("workspace"))),
    ...(await poolsOf(q, idsOf("pool"))),
    ...(await agentsOf(control, q, idsOf("agent"))),
    ...(await tokensOf(control, q, idsOf("token"))),
  ])
    views.set(keyOf(thing), thing);
  return changes.map(({ kind, id }) => views.get(`${kind} ${id}`) ?? { kind: "gone", what: kind, id });
}

function keyOf(thing: Exclude<ChangedThing, { kind: "gone" }>): string {
  switch (thing.kind) {
    case "run":
      return `run ${thing.view.run.id}`;
    case "workspace":
      return `workspace ${thing.view.workspace.id}`;
    case "pool":
      return `pool ${thing.view.pool.id}`;
    case "agent":
      return `agent ${thing.view.agent.id}`;
    case "token":
      return `token ${thing.view.token.id}`;
  }
}

type Some<K extends ChangedThing["kind"]> = Promise<readonly Extract<ChangedThing, { kind: K }>[]>;

async function runsOf(control: Control, q: Queries, ids: readonly string[]): Some<"run"> {
  const rows = await q.runs.byIds(ids.filter((id) => isId("run", id)));
  return (await viewRuns(control, q, rows.map(withoutTexts))).map((view) => ({ kind: "run", view }));
}

/** Workspaces are viewed by organization: their views name it once. */
async function workspacesOf(q: Queries, ids: readonly string[]): Some<"workspace"> {
  const rows = await q.workspaces.byIds(ids.filter((id) => isId("ws", id)));
  const found: Extract<ChangedThing, { kind: "workspace" }>[] = [];
  for (const [, own] of Map.groupBy(rows, ({ organizationId }) => organizationId))
    for (const view of await viewWorkspaces(q, own)) found.push({ kind: "workspace", view });
  return found;
}

async function poolsOf(q: Queries, ids: readonly string[]): Some<"pool"> {
  const rows = [];
  for (const id of ids) {
    const row = isId("apool", id) ? await q.pools.get(id) : undefined;
    if (row !== undefined) rows.push(row);
  }
  const found: Extract<ChangedThing, { kind: "pool" }>[] = [];
  for (const [, own] of Map.groupBy(rows, ({ organizationId }) => organizationId))
    for (const view of await viewPools(q, own)) found.push({ kind: "pool", view });
  return found;
}

async function agentsOf(control: Control, q: Queries, ids: readonly string[]): Some<"agent"> {
  const rows = await q.agents.byIds(ids.filter((id) => isId("agent", id)));
  return (await viewAgents(control, q, rows)).map((view) => ({ kind: "agent", view }));
}

async function tokensOf({ clock }: Control, q: Queries, ids: readonly string[]): Some<"token"> {
  const rows = await q.tokens.byIds(ids.filter((id) => isId("atok", id)));
  return (await viewTokens(q, rows, clock.now())).map((view) => ({ kind: "token", view }));
}
