import type { ApiKey } from "../../domain/people/api-key.ts";
import type { Organization } from "../../domain/people/organization.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { PoolId } from "../../lib/words/ids.ts";
import type { NamePage, Position } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { type Change, change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { listedNames, shortList } from "../core/names.ts";
import { removeWorkspace } from "../workspaces/deletion.ts";

export interface OrganizationDeletion {
  readonly organization: string;
  /** With all that it owns: its runs end where they stand, and its agents are sent away. */
  readonly isForced: boolean;
}

/** Deletes an organization; its API keys end with it. For site admins. */
export async function deleteOrganization(
  control: Control,
  who: Principal,
  { organization: reference, isForced }: OrganizationDeletion,
): Promise<void> {
  const person = asPerson(who);
  const pools = await change(control, async (tx, at) => {
    const row = await findOrganization(tx, person, reference);
    demand(person, "administer_site");
    const gone = isForced ? await emptyIt(tx, at, { person, row }) : await demandEmpty(tx, row);
    await touchKeys(tx, at, row);
    await tx.organizations.delete(row.id);
    const detail = { name: row.name, forced: String(isForced) };
    const entry = { action: "organization.delete", resource: row.id, organizationId: row.id, detail };
    await record(tx, person, { ...entry, at: at.now });
    return gone;
  });
  for (const connected of control.presence.all()) {
    if (connected.poolId !== null && pools.has(connected.poolId))
      connected.close("deleted", "the organization of its agent pool was deleted");
  }
}

/** How many rows are read at a time. */
const batch = 200;

/** Tells the streams of its keys, and whoever remembers them, that they end. */
async function touchKeys(tx: Queries, at: Change, { id }: Organization): Promise<void> {
  for (let before: Position | null = null; ; ) {
    const keys: readonly ApiKey[] = await tx.apiKeys.list(id, { before, limit: batch });
    for (const key of keys) at.touched.add(topics.key(key.id));
    const last = keys.at(-1);
    if (last === undefined) return;
    before = { at: last.createdAt, id: last.id };
  }
}

/** Takes all that an organization owns, and answers which pools these were. */
async function emptyIt(
  tx: Queries,
  at: Change,
  { person, row: { id: organizationId } }: { readonly person: Person; readonly row: Organization },
): Promise<ReadonlySet<PoolId>> {
  const page: NamePage = { after: null, limit: batch };
  await untilNone(
    () => tx.workspaces.list({ organizationId, poolId: null }, page),
    (workspace) => removeWorkspace(tx, at, { person, workspace }),
  );
  await untilNone(
    () => tx.variableSets.list({ organizationId, workspaceId: null }, page),
    async (set) => {
      await tx.variableSets.delete(set.id);
      const entry = { action: "variable_set.delete", resource: set.id, organizationId, detail: { name: set.name } };
      await record(tx, person, { ...entry, at: at.now });
    },
  );
  const pools = new Set<PoolId>();
  await untilNone(
    () => tx.pools.list(organizationId, page),
    async (pool) => {
      await tx.pools.delete(pool.id);
      pools.add(pool.id);
      const entry = { action: "pool.delete", resource: pool.id, organizationId, detail: { name: pool.name } };
      await record(tx, person, { ...entry, at: at.now });
    },
  );
  return pools;
}

async function untilNone<T>(read: () => Promise<readonly T[]>, remove: (row: T) => Promise<void>): Promise<void> {
  for (let rows = await read(); rows.length > 0; rows = await read()) for (const row of rows) await remove(row);
}

/** How many names an error about what is left lists at most. */
const listed = 100;

async function demandEmpty(tx: Queries, { id, name }: Organization): Promise<ReadonlySet<PoolId>> {
  const page = { after: null, limit: listed };
  const workspaces = (await tx.workspaces.list({ organizationId: id, poolId: null }, page)).map((row) => row.name);
  const pools = (await tx.pools.list(id, page)).map((row) => row.name);
  const sets = (await tx.variableSets.list({ organizationId: id, workspaceId: null }, page)).map((row) => row.name);
  const kinds = [
    ["workspaces", workspaces],
    ["agent pools", pools],
    ["variable sets", sets],
  ] as const;
  const left = kinds.filter(([, names]) => names.length > 0).map(([kind, names]) => `${kind} ${shortList(names)}`);
  if (left.length === 0) return new Set();
  throw new WindlassError(
    "organization_in_use",
    `organization "${name}" still owns ${left.join(" and ")}: delete them first, or delete it with force`,
    {
      metadata: {
        organization: name,
        workspaces: listedNames(workspaces),
        pools: listedNames(pools),
        variable_sets: listedNames(sets),
      },
    },
  );
}
