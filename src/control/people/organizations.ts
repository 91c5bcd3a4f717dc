import { type Organization, plainOrganization } from "../../domain/people/organization.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { isId, newId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, notFound } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { nameCursor } from "../core/cursor.ts";
import { demandEtag } from "../core/etags.ts";
import { demandFreeName } from "../core/names.ts";
import { type Page, type PageRequest, pageByKey, pageOfAll, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { checkVersion } from "../workspaces/settings.ts";
import { moveFollowers } from "../workspaces/workspaces.ts";

/** What may be said of an organization beside its name. */
export type OrganizationSettings = Pick<
  Organization,
  | "maxAgents"
  | "maxWorkspaces"
  | "defaultExecutionMode"
  | "defaultEngine"
  | "defaultEngineVersion"
  | "email"
  | "allowsForceDelete"
  | "keptAttributes"
> & {
  /** Id or name; empty is none. Exactly with the default mode `agent`. */
  readonly defaultPool: string;
};

export interface NewOrganization extends Partial<OrganizationSettings> {
  readonly name: string;
  readonly requestId: string;
}

/** An organization as its readers see it. */
export interface OrganizationView extends Organization {
  /** Idle, busy or, for a short while, silent. */
  readonly connectedAgents: number;
  /** Empty unless its default mode is `agent`. */
  readonly defaultPoolName: string;
}

/** Creates an organization; for site admins. */
export async function createOrganization(
  control: Control,
  who: Principal,
  wanted: NewOrganization,
): Promise<OrganizationView> {
  const person = asPerson(who);
  demand(person, "administer_site");
  const { requestId, ...body } = wanted;
  const { defaultPool = "", ...said } = checked("", { ...plainOrganization, ...body });
  if (said.defaultExecutionMode === "agent" || defaultPool !== "") throw tooEarly();
  return change(control, async (tx, at) => {
    const create = async (): Promise<Organization> => {
      await demandFreeName(body.name, {
        ...{ resource: "organization", field: "organization.name" },
        find: (name) => tx.organizations.byNameInAnyCase(name),
      });
      const times = { createdAt: at.now, updatedAt: at.now };
      const row: Organization = { id: newId("org", control.random), ...said, ...times, version: 1 };
      await tx.organizations.insert(row);
      const entry = {
        action: "organization.create",
        resource: row.id,
        organizationId: row.id,
        detail: { name: row.name },
      };
      await record(tx, person, { ...entry, at: at.now });
      return row;
    };
    const request = { person, requestId, method: "CreateOrganization", body, at: at.now };
    return viewOrganization(
      tx,
      await once(tx, request, create, async (id) => (isId("org", id) ? tx.organizations.get(id) : undefined)),
    );
  });
}

const tooEarly = () =>
  invalid(
    "default_execution_mode",
    "an organization that is created has no agent pool yet: create it, then a pool, then make that its default",
  );

/** `prefix` is the field that holds the settings, with a dot. */
function checked<T extends Partial<OrganizationSettings>>(prefix: string, settings: T): T {
  const { defaultEngineVersion: version, email = "" } = settings;
  if (email.length > maxEmailLength || /[\s\p{Cc}]/u.test(email))
    throw invalid(`${prefix}email`, `expected an address of at most ${maxEmailLength} characters, without blanks`);
  if (version === undefined) return settings;
  return { ...settings, defaultEngineVersion: checkVersion(`${prefix}default_engine_version`, version) };
}

const maxEmailLength = 254;

const viewOrganization = async (q: Queries, row: Organization): Promise<OrganizationView> => ({
  ...row,
  connectedAgents: await q.agents.countConnected(row.id),
  defaultPoolName: row.defaultPoolId === null ? "" : ((await q.pools.get(row.defaultPoolId))?.name ?? ""),
});

/** The organization of that id or name; empty is the caller's only one. */
export async function getOrganization(control: Control, who: Principal, reference: string): Promise<OrganizationView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => viewOrganization(q, await findOrganization(q, person, reference)));
}

/** The organizations that the caller can see, by name. */
export async function listOrganizations(
  control: Control,
  who: Principal,
  page: PageRequest,
): Promise<Page<OrganizationView>> {
  const person = asPerson(who);
  demand(person, "read");
  if (person.role === "site_admin") {
    return control.store.read(async (q) => {
      const found = await pageByKey(page, {
        cursor: nameCursor,
        read: (keys) => q.organizations.list(keys),
        keyOf: ({ name }) => name,
      });
      const views: OrganizationView[] = [];
      for (const row of found.rows) views.push(await viewOrganization(q, row));
      return withRows(found, views);
    });
  }
  return pageOfAll(page, [await getOrganization(control, who, "")]);
}

export interface OrganizationSearch {
  /** Occurs in the name or the address for letters; empty is all. */
  readonly search: string;
  readonly slice: Slice;
}

/** A counted part of the organizations that the caller can see, newest first. */
export async function searchOrganizations(
  control: Control,
  who: Principal,
  { search, slice }: OrganizationSearch,
): Promise<Sliced<OrganizationView>> {
  const person = asPerson(who);
  demand(person, "read");
  const id = person.role === "site_admin" ? null : person.organizationId;
  return control.store.read(async (q) => {
    const { rows, total } = await q.organizations.search({ id, search }, slice);
    const views: OrganizationView[] = [];
    for (const row of rows) views.push(await viewOrganization(q, row));
    return { rows: views, total };
  });
}

export interface OrganizationUpdate {
  readonly organization: string;
  /** New values; those kept for clients are added to the ones that are there. */
  readonly changes: Partial<Pick<Organization, "name"> & OrganizationSettings>;
  readonly etag: string;
}

/** Changes an organization; for its owners. How many workspaces it may have is for site admins to say. */
export async function updateOrganization(
  control: Control,
  who: Principal,
  { organization, changes, etag }: OrganizationUpdate,
): Promise<OrganizationView> {
  const person = asPerson(who);
  const { defaultPool, ...settings } = checked("changes.", changes);
  return change(control, async (tx, at) => {
    const row = await findOrganization(tx, person, organization);
    demand(person, changes.maxWorkspaces === undefined ? "own" : "administer_site");
    demandEtag(row, etag, `organization "${row.name}"`);
    const { name = row.name } = changes;
    if (name !== row.name) {
      await demandFreeName(name, {
        ...{ resource: "organization", field: "changes.name", self: row.id },
        find: (wanted) => tx.organizations.byNameInAnyCase(wanted),
      });
    }
    const merged = { ...row, ...settings, keptAttributes: { ...row.keptAttributes, ...settings.keptAttributes } };
    const defaultPoolId = await defaultPoolOf(tx, person, { organization: merged, before: row, defaultPool });
    const next: Organization = { ...merged, defaultPoolId, updatedAt: at.now, version: row.version + 1 };
    await tx.organizations.save(next);
    if (next.defaultExecutionMode !== row.defaultExecutionMode || next.defaultPoolId !== row.defaultPoolId)
      await moveFollowers(tx, at, { person, organizationId: row.id });
    const { maxAgents, maxWorkspaces } = next;
    const detail = { name: next.name, max_agents: String(maxAgents), max_workspaces: String(maxWorkspaces) };
    await record(tx, person, {
      action: "organization.update",
      resource: row.id,
      organizationId: row.id,
      detail,
      at: at.now,
    });
    return viewOrganization(tx, next);
  });
}

interface DefaultPool {
  readonly organization: Organization;
  readonly before: Organization;
  /** As it is asked for; undefined is the one that is there. */
  readonly defaultPool: string | undefined;
}

/** The pool that goes with a default mode: one exactly with `agent`, and one that every workspace may use. */
async function defaultPoolOf(
  tx: Queries,
  person: Person,
  { organization, before, defaultPool = "" }: DefaultPool,
): Promise<Organization["defaultPoolId"]> {
  const field = "changes.default_agent_pool";
  if (organization.defaultExecutionMode !== "agent") {
    if (defaultPool === "") return null;
    throw invalid(field, "must not be specified unless using 'agent' execution mode");
  }
  if (defaultPool === "") {
    if (before.defaultPoolId !== null) return before.defaultPoolId;
    throw invalid(field, "must be specified when using 'agent' execution mode");
  }
  const pool = await findPool(tx, person, { organization: organization.id, name: defaultPool });
  if (pool.organizationId !== organization.id) throw notFound("agent pool", defaultPool);
  if (pool.isOrganizationScoped || pool.id === before.defaultPoolId) return pool.id;
  throw invalid(
    field,
    `agent pool "${pool.name}" is not for every workspace of the organization: widen its scope first`,
  );
}
