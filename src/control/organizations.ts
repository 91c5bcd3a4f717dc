import type { Organization } from "../domain/organization.ts";
import type { Principal } from "../domain/principal.ts";
import { WindlassError } from "../lib/errors.ts";
import { newId, type OrganizationId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization } from "./access.ts";
import { change } from "./advance.ts";
import { record } from "./audit.ts";
import type { Control } from "./control.ts";
import { demandEtag } from "./etags.ts";
import { listedNames, nameTaken, shortList } from "./names.ts";
import { type Page, type PageRequest, pageByKey } from "./pages.ts";
import { once } from "./requests.ts";

export interface NewOrganization {
  readonly name: string;
  readonly maxAgents: number;
  readonly requestId: string;
}

/** Creates an organization; for site admins. */
export async function createOrganization(
  control: Control,
  who: Principal,
  wanted: NewOrganization,
): Promise<Organization> {
  const person = asPerson(who);
  demand(person, "administer_site");
  const { requestId, ...body } = wanted;
  return change(control, (tx, at) => {
    const create = async (): Promise<Organization> => {
      if ((await tx.organizations.byName(body.name)) !== undefined) throw nameTaken("organization", body.name);
      const times = { createdAt: at.now, updatedAt: at.now };
      const row: Organization = { id: newId("org", control.random), ...body, ...times, version: 1 };
      await tx.organizations.insert(row);
      const deed = {
        action: "organization.create",
        resource: row.id,
        organizationId: row.id,
        detail: { name: row.name },
      };
      await record(tx, person, { ...deed, at: at.now });
      return row;
    };
    const request = { person, requestId, method: "CreateOrganization", body, at: at.now };
    return once(tx, request, create, (id) => tx.organizations.get(id as OrganizationId));
  });
}

/** The organization of that id or name; empty is the caller's only one. */
export async function getOrganization(control: Control, who: Principal, reference: string): Promise<Organization> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read((q) => findOrganization(q, person, reference));
}

/** The organizations that the caller can see, by name. */
export async function listOrganizations(
  control: Control,
  who: Principal,
  page: PageRequest,
): Promise<Page<Organization>> {
  const person = asPerson(who);
  demand(person, "read");
  if (person.role === "site_admin") {
    return control.store.read((q) =>
      pageByKey(
        page,
        (keys) => q.organizations.list(keys),
        ({ name }) => name,
      ),
    );
  }
  return { rows: [await getOrganization(control, who, "")], nextToken: "" };
}

export interface OrganizationUpdate {
  readonly organization: string;
  readonly changes: Partial<Pick<Organization, "name" | "maxAgents">>;
  readonly etag: string;
}

/** Changes an organization; for its owners. */
export async function updateOrganization(
  control: Control,
  who: Principal,
  { organization, changes, etag }: OrganizationUpdate,
): Promise<Organization> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const row = await findOrganization(tx, person, organization);
    demand(person, "own");
    demandEtag(row, etag, `organization "${row.name}"`);
    const { name = row.name } = changes;
    if (name !== row.name && (await tx.organizations.byName(name)) !== undefined) throw nameTaken("organization", name);
    const next: Organization = { ...row, ...changes, updatedAt: at.now, version: row.version + 1 };
    await tx.organizations.save(next);
    const detail = { name: next.name, max_agents: String(next.maxAgents) };
    await record(tx, person, {
      action: "organization.update",
      resource: row.id,
      organizationId: row.id,
      detail,
      at: at.now,
    });
    return next;
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
    const deed = {
      action: "organization.delete",
      resource: row.id,
      organizationId: row.id,
      detail: { name: row.name },
    };
    await record(tx, person, { ...deed, at: at.now });
  });
}

/** How many names an error about what is left lists at most. */
const listed = 100;

async function demandEmpty(tx: Queries, { id, name }: Organization): Promise<void> {
  const page = { after: null, limit: listed };
  const workspaces = (await tx.workspaces.list({ organizationId: id, poolId: null }, page)).map((row) => row.name);
  const pools = (await tx.pools.list(id, page)).map((row) => row.name);
  if (workspaces.length === 0 && pools.length === 0) return;
  const left = [
    ...(workspaces.length === 0 ? [] : [`workspaces ${shortList(workspaces)}`]),
    ...(pools.length === 0 ? [] : [`agent pools ${shortList(pools)}`]),
  ];
  throw new WindlassError(
    "organization_in_use",
    `organization "${name}" still owns ${left.join(" and ")}: delete them first`,
    {
      metadata: { organization: name, workspaces: listedNames(workspaces), pools: listedNames(pools) },
    },
  );
}
