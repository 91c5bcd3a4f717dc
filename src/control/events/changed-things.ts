import { withoutTexts } from "../../domain/runs/listed-run.ts";
import { isId } from "../../lib/words/ids.ts";
import type { ChangedKind, RowChange } from "../../store/ports/change-feed.ts";
import type { Queries } from "../../store/ports/store.ts";
import { type TokenView, viewTokens } from "../agents/tokens.ts";
import { type AgentView, viewAgents } from "../agents/view.ts";
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
  | {
      readonly kind: "gone";
      readonly what: ChangedKind;
      readonly id: string;
      /** Empty if it had none. */
      readonly name: string;
    };

type PresentThing = Exclude<ChangedThing, { kind: "gone" }>;
type Some<K extends PresentThing["kind"]> = Promise<readonly Extract<ChangedThing, { kind: K }>[]>;

/** What stands for a thing where many are kept. */
export const keyOf = ({ kind, id }: Pick<RowChange, "kind" | "id">): string => `${kind} ${id}`;

/** Reads what has changed, as it is now, in the order of the changes. */
export async function readThings(
  control: Control,
  q: Queries,
  changes: readonly RowChange[],
): Promise<readonly ChangedThing[]> {
  const things = new Map<string, PresentThing>();
  const idsOf = (kind: ChangedKind) => changes.filter((change) => change.kind === kind).map(({ id }) => id);
  for (const thing of [
    ...(await runsOf(control, q, idsOf("run"))),
    ...(await workspacesOf(q, idsOf("workspace"))),
    ...(await poolsOf(q, idsOf("pool"))),
    ...(await agentsOf(control, q, idsOf("agent"))),
    ...(await tokensOf(control, q, idsOf("token"))),
  ])
    things.set(keyOf({ kind: thing.kind, id: idOf(thing) }), thing);
  return changes.map(
    (change) =>
      things.get(keyOf(change)) ?? { kind: "gone", what: change.kind, id: change.id, name: change.name ?? "" },
  );
}

function idOf(thing: PresentThing): string {
  switch (thing.kind) {
    case "run":
      return thing.view.run.id;
    case "workspace":
      return thing.view.workspace.id;
    case "pool":
      return thing.view.pool.id;
    case "agent":
      return thing.view.agent.id;
    case "token":
      return thing.view.token.id;
  }
}

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
