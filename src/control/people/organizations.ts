import { type Organization, plainOrganization } from "../../domain/people/organization.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { nameCursor } from "../core/cursor.ts";
import { demandEtag } from "../core/etags.ts";
import { demandFreeName, listedNames, shortList } from "../core/names.ts";
import { type Page, type PageRequest, pageByKey, pageOfAll, withRows } from "../core/pages.ts";
import { once } from "../core/requests.ts";
import { checkVersion } from "../workspaces/settings.ts";

/** What may be said of an organization beside its name. */
export type OrganizationSettings = Pick<
  Organization,
  | "maxAgents"
  | "maxWorkspaces"
  | "defaultExecutionMode"
  | "defaultPoolId"
  | "defaultEngine"
  | "defaultEngineVersion"
  | "email"
  | "allowsForceDelete"
  | "keptAttributes"
>;

export interface NewOrganization extends Partial<OrganizationSettings> {
  readonly name: string;
  readonly requestId: string;
}

/** An organization as its readers see it. */
export interface OrganizationView extends Organization {
  /** Idle, busy or, for a short while, silent. */
  readonly connectedAgents: number;
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
  const settings = checked("", { ...plainOrganization, ...body });
  return change(control, async (tx, at) => {
    const create = async (): Promise<Organization> => {
      await demandFreeName(body.name, {
        ...{ resource: "organization", field: "organization.name" },
        find: (name) => tx.organizations.byNameInAnyCase(name),
      });
      const times = { createdAt: at.now, updatedAt: at.now };
      const row: Organization = { id: newId("org", control.random), ...settings, ...times, version: 1 };
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

/** `prefix` is the field that holds the settings, with a dot. */
function checked<T extends Partial<OrganizationSettings>>(prefix: string, settings: T): T {
  const { defaultEngineVersion: version } = settings;
  if (version === undefined) return settings;
  return { ...settings, defaultEngineVersion: checkVersion(`${prefix}default_engine_version`, version) };
}

const viewOrganization = async (q: Queries, row: Organization): Promise<OrganizationView> => ({
  ...row,
  connectedAgents: await q.agents.countConnected(row.id),
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

export interface OrganizationUpdate {
  readonly organization: string;
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
  const settings = checked("changes.", changes);
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
    const next: Organization = { ...row, ...settings, updatedAt: at.now, version: row.version + 1 };
    await tx.organizations.save(next);
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

/** Deletes an organization that owns nothing but API keys, which end with it; for site admins. */
export async function deleteOrganization(control: Control, who: Principal, reference: string): Promise<void> {
  const person = asPerson(who);
  await change(control, async (tx, at) => {
    const row = await findOrganization(tx, person, reference);
    demand(person, "administer_site");
    await demandEmpty(tx, row);
    await tx.organizations.delete(row.id);
    const entry = {
      action: "organization.delete",
      resource: row.id,
      organizationId: row.id,
      detail: { name: row.name },
    };
    await record(tx, person, { ...entry, at: at.now });
  });
}

/** How many names an error about what is left lists at most. */
const listed = 100;

async function demandEmpty(tx: Queries, { id, name }: Organization): Promise<void> {
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
  if (left.length === 0) return;
  throw new WindlassError(
    "organization_in_use",
    `organization "${name}" still owns ${left.join(" and ")}: delete them first`,
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
