import type { AgentUpdateChange } from "../../domain/agents/agent-update.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { isKeyOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId } from "../../lib/words/ids.ts";
import type { PoolListing, Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { type Cursor, cursorBy, cursorOf } from "../core/cursor.ts";
import { demandEtag } from "../core/etags.ts";
import { demandFreeName, listedNames, shortList } from "../core/names.ts";
import { type Page, type PageRequest, pageByKey, viewed } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { demandGrantRoom, grantedNames } from "../workspaces/grants.ts";
import { maxAssignedShown, type PoolView, viewPool, viewPools } from "../workspaces/pool-view.ts";
import { policyDetail, withUpdatePolicy } from "./update-policy.ts";

export interface NewPool {
  readonly organization: string;
  readonly name: string;
  readonly description: string;
  readonly isOrganizationScoped: boolean;
  /** Names of workspaces, existing or not, or ids of existing ones. */
  readonly grants: readonly string[];
  readonly requestId: string;
}

/** Creates a pool, with its first grants. */
export async function createPool(control: Control, who: Principal, { requestId, ...body }: NewPool): Promise<PoolView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const organization = await findOrganization(tx, person, body.organization);
    demand(person, "operate");
    const create = async (): Promise<AgentPool> => {
      const { name, description, isOrganizationScoped } = body;
      await demandFreeName(name, {
        ...{ resource: "agent pool", field: "agent_pool.name" },
        find: (wanted) => tx.pools.byNameInAnyCase(organization.id, wanted),
      });
      const times = { createdAt: at.now, updatedAt: at.now };
      const settings = { name, description, isOrganizationScoped };
      const row: AgentPool = {
        id: newId("apool", control.random),
        organizationId: organization.id,
        ...settings,
        updatePolicy: null,
        ...times,
        version: 1,
      };
      await tx.pools.insert(row);
      const asked = { references: body.grants, field: "granted_workspaces" };
      const names = await grantedNames(tx, organization, asked);
      demandGrantRoom(row, names);
      if (names.length > 0) await tx.pools.grant(row.id, names);
      const detail = { name, organization_scoped: String(isOrganizationScoped), granted: shortList(names) };
      await record(tx, person, {
        action: "pool.create",
        resource: row.id,
        organizationId: organization.id,
        detail,
        at: at.now,
      });
      return row;
    };
    const request = { person, requestId, method: "CreateAgentPool", body, at: at.now };
    return viewPool(
      tx,
      await once(tx, request, create, async (id) => (isId("apool", id) ? tx.pools.get(id) : undefined)),
    );
  });
}

/** The pool of that id or name. */
export async function getPool(control: Control, who: Principal, reference: Reference): Promise<PoolView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewPool(q, await findPool(q, person, reference)));
}

/** How lists of pools may be ordered, as requests say it. */
const orders = {
  name: { order: "name", isDescending: false },
  "name desc": { order: "name", isDescending: true },
  create_time: { order: "created_at", isDescending: false },
  "create_time desc": { order: "created_at", isDescending: true },
} as const satisfies Readonly<Record<string, Pick<PoolListing, "order" | "isDescending">>>;

export interface PoolList {
  readonly organization: string;
  /** A part of the name or of the description, in any case; empty is all. */
  readonly search?: string | undefined;
  /** `name` if empty; with ` desc` the other way round. */
  readonly orderBy?: string | undefined;
  readonly page: PageRequest;
}

/** The pools of an organization. */
export async function listPools(
  control: Control,
  who: Principal,
  { organization, search = "", orderBy = "", page }: PoolList,
): Promise<Page<PoolView>> {
  const person = asPerson(who);
  demand(person, "read");
  const order = orderOf(orderBy);
  return control.store.read(async (q) => {
    const { id: organizationId } = await findOrganization(q, person, organization);
    const listing = { organizationId, search, ...orders[order] };
    const pools = await pageByKey(page, {
      cursor: poolCursor(order),
      read: (places) => q.pools.find(listing, places),
      keyOf: (pool) => pool,
    });
    return viewed(pools, (rows) => viewPools(q, rows));
  });
}

type Order = keyof typeof orders;

function orderOf(orderBy: string): Order {
  const order = orderBy === "" ? "name" : orderBy;
  if (isKeyOf(orders, order)) return order;
  throw invalid("order_by", `expected one of ${Object.keys(orders).join(", ")}, got ${JSON.stringify(orderBy)}`);
}

type PoolPlace = Pick<AgentPool, "name" | "createdAt" | "id">;

/** Where a page ends. It names the order too: in another one it would mean another place. */
const poolCursor = (order: Order): Cursor<PoolPlace> =>
  cursorBy(cursorOf("text", "text", "instant", "text"), {
    toTuple: ({ name, createdAt, id }: PoolPlace) => [order, name, createdAt, id] as const,
    toPlace: ([wanted, name, createdAt, id]) => {
      if (wanted === order && isId("apool", id)) return { name, createdAt, id };
      throw invalid("page_token", "the page before was asked for in another order: begin at the first page");
    },
  });

export interface PoolUpdate {
  readonly reference: Reference;
  readonly changes: Partial<Pick<AgentPool, "name" | "description" | "isOrganizationScoped">> & {
    /** All that it is granted to from now on: names, existing or not, or ids. */
    readonly grants?: readonly string[] | undefined;
    readonly update?: AgentUpdateChange | undefined;
  };
  readonly etag: string;
}

/** Changes a pool. Narrowing its scope evicts nobody: jobs of workspaces that are not granted wait and say so. */
export async function updatePool(
  control: Control,
  who: Principal,
  { reference, changes: { grants, update, ...changes }, etag }: PoolUpdate,
): Promise<PoolView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, reference);
    demand(person, "operate");
    demandEtag(pool, etag, `agent pool "${pool.name}"`);
    const { name = pool.name } = changes;
    if (name !== pool.name) {
      await demandFreeName(name, {
        ...{ resource: "agent pool", field: "changes.name", self: pool.id },
        find: (wanted) => tx.pools.byNameInAnyCase(pool.organizationId, wanted),
      });
    }
    const changed: AgentPool = { ...pool, ...changes, updatedAt: at.now, version: pool.version + 1 };
    const next = update === undefined ? changed : withUpdatePolicy(changed, update, at.now);
    await tx.pools.save(next);
    const scope = { name: next.name, organization_scoped: String(next.isOrganizationScoped) };
    const detail = update === undefined ? scope : { ...scope, ...policyDetail(next) };
    const entry = { action: "pool.update", resource: pool.id, organizationId: pool.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    if (grants !== undefined) await replaceGrants(tx, at, { person, pool: next, grants });
    at.touched.add(topics.jobs);
    if (update !== undefined) control.agentUpdates?.changed(pool.id);
    return viewPool(tx, next);
  });
}

interface NewGrants {
  readonly person: Person;
  readonly pool: AgentPool;
  readonly grants: readonly string[];
}

async function replaceGrants(tx: Queries, at: Change, { person, pool, grants }: NewGrants): Promise<void> {
  const asked = { references: grants, field: "changes.granted_workspaces" };
  const names = await grantedNames(tx, { id: pool.organizationId }, asked);
  demandGrantRoom(pool, names);
  const [known, wanted] = [new Set(await tx.pools.grants(pool.id)), new Set(names)];
  const [added, taken] = [names.filter((name) => !known.has(name)), [...known].filter((name) => !wanted.has(name))];
  await tx.pools.revoke(pool.id, taken);
  await tx.pools.grant(pool.id, added);
  const { id: resource, organizationId, name } = pool;
  for (const [action, workspaces] of [["pool.grant", added] as const, ["pool.revoke", taken] as const]) {
    if (workspaces.length === 0) continue;
    const detail = { name, workspaces: shortList(workspaces, 100) };
    await record(tx, person, { action, resource, organizationId, detail, at: at.now });
  }
}

/** Deletes a pool that nobody uses, with its grants, tokens and agents; agents that are still connected are sent away. */
export async function deletePool(control: Control, who: Principal, reference: Reference): Promise<void> {
  const person = asPerson(who);
  const pool = await change(control, async (tx, at) => {
    const found = await findPool(tx, person, reference);
    demand(person, "operate");
    await demandUnused(tx, found);
    await tx.pools.delete(found.id);
    const entry = { action: "pool.delete", resource: found.id, organizationId: found.organizationId };
    await record(tx, person, { ...entry, detail: { name: found.name }, at: at.now });
    return found;
  });
  for (const connected of control.presence.all()) {
    if (connected.poolId === pool.id) connected.close("deleted", `the agent pool "${pool.name}" was deleted`);
  }
}

async function demandUnused(tx: Queries, pool: AgentPool): Promise<void> {
  const owner = await tx.organizations.withDefaultPool(pool.id);
  if (owner !== undefined) {
    const message = `agent pool "${pool.name}" cannot be deleted: it is the default of organization "${owner}". Give that another default first`;
    throw new WindlassError("pool_in_use", message, { metadata: { pool: pool.name, organization: owner } });
  }
  const assigned = await tx.pools.assigned(pool.id, maxAssignedShown);
  const metadata = { pool: pool.name, workspaces: listedNames(assigned) };
  if (assigned.length > 0) {
    const message = `agent pool "${pool.name}" cannot be deleted: ${assigned.length === 1 ? "a workspace is" : "workspaces are"} assigned to it (${shortList(assigned)}). Assign ${assigned.length === 1 ? "it" : "them"} to another pool first`;
    throw new WindlassError("pool_in_use", message, { metadata });
  }
  const queued = await tx.jobs.queuedOfPool(pool.id, { after: null, limit: maxRunsNamed });
  const runs = [...(await tx.jobs.heldInPool(pool.id, maxRunsNamed)), ...queued].map(({ runId }) => runId);
  if (runs.length === 0) return;
  const { runningJobs, queuedJobs } = (await viewPool(tx, pool)).counts;
  const message = `agent pool "${pool.name}" cannot be deleted: it still has ${runningJobs} running and ${queuedJobs} queued jobs of workspaces that were assigned to it (${shortList(runs)}). Wait for their runs or cancel them`;
  throw new WindlassError("pool_in_use", message, { metadata: { ...metadata, runs: listedNames(runs) } });
}

/** How many runs a refusal names. */
const maxRunsNamed = 20;
