import type { Organization } from "../../domain/people/organization.ts";
import { allows, type Permission, type Person, type Principal, sees } from "../../domain/people/principal.ts";
import type { Run } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type Id, type IdPrefix, isId, type OrganizationId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";

/** The caller as a person; other credentials manage nothing. */
export function asPerson(who: Principal): Person {
  if (who.kind === "api_key") return who;
  throw new WindlassError("permission_denied", `this call needs an API key (wdl_usr_…), not ${describe(who)}`, {
    metadata: { action: "manage" },
  });
}

function describe(who: Exclude<Principal, Person>): string {
  switch (who.kind) {
    case "agent_token":
      return "an agent token";
    case "server_agent":
      return "the server agent's token";
    case "agent_session":
      return "an agent's session";
    case "job":
      return "a job token";
  }
}

const roleFor: Readonly<Record<Permission, string>> = {
  read: "the role reader",
  plan: "the role planner or higher",
  operate: "the role operator or higher",
  own: "the role owner",
  administer_site: "a site admin",
};

/** Refuses what the person's role does not allow. */
export function demand(person: Person, permission: Permission): void {
  if (allows(person, permission)) return;
  throw new WindlassError(
    "permission_denied",
    `key "${person.name}" (role ${person.role.replaceAll("_", "-")}) may not do this: it needs ${roleFor[permission]}`,
    {
      metadata: { action: permission },
    },
  );
}

/** Another tenant's object and no object look the same. */
export function notFound(resource: string, name: string, within: Readonly<Record<string, string>> = {}): WindlassError {
  return new WindlassError("not_found", `${resource} "${name}" does not exist, or you may not see it`, {
    metadata: { ...within, resource, name },
  });
}

/** The organization of that id or name; empty is the person's only one. */
export async function findOrganization(tx: Queries, person: Person, reference: string): Promise<Organization> {
  if (reference === "") return onlyOrganization(tx, person);
  const found = isId("org", reference)
    ? await tx.organizations.get(reference)
    : await tx.organizations.byName(reference);
  if (found === undefined || !sees(person, found.id)) throw notFound("organization", reference);
  return found;
}

async function onlyOrganization(tx: Queries, person: Person): Promise<Organization> {
  const visible =
    person.organizationId === null
      ? await tx.organizations.list({ after: null, limit: 20 })
      : [await tx.organizations.get(person.organizationId)];
  const [only, ...more] = visible;
  if (only === undefined) throw notFound("organization", "");
  if (more.length === 0) return only;
  const names = visible.flatMap((organization) => organization?.name ?? []);
  throw new WindlassError("organization_required", `name an organization: you can see ${names.join(", ")}`, {
    metadata: { organizations: names.join(",") },
  });
}

/** How a request names something inside an organization: an id needs no organization. */
export interface Reference {
  readonly organization: string;
  readonly name: string;
}

/** What is found by its id, or by its name in an organization. */
interface NamedRows<P extends IdPrefix, Row> {
  get(id: Id<P>): Promise<Row | undefined>;
  byName(organizationId: OrganizationId, name: string): Promise<Row | undefined>;
}

const finder =
  <P extends IdPrefix, Row extends Owned>(prefix: P, resource: string, rowsIn: (tx: Queries) => NamedRows<P, Row>) =>
  async (tx: Queries, person: Person, { organization, name }: Reference): Promise<Row> => {
    const rows = rowsIn(tx);
    const found = isId(prefix, name)
      ? await rows.get(name)
      : await rows.byName((await findOrganization(tx, person, organization)).id, name);
    return visible(person, found, resource, name);
  };

/** What a change of a workspace is about: as it is named, for nobody knows yet which one that is. */
export const aboutWorkspace = ({ organizationId }: Person, { organization, name }: Reference): string =>
  isId("ws", name) ? name : `workspace ${organizationId ?? ""}/${organization}/${name}`;

/** The pool of that id or name. */
export const findPool = finder("apool", "agent pool", (tx) => tx.pools);

/** The workspace of that id or name. */
export const findWorkspace = finder("ws", "workspace", (tx) => tx.workspaces);

/** The variable set of that id or name. */
export const findVariableSet = finder("vset", "variable set", (tx) => tx.variableSets);

/** The run of that id. */
export async function findRun(tx: Queries, person: Person, id: string): Promise<Run> {
  return visible(person, isId("run", id) ? await tx.runs.get(id) : undefined, "run", id);
}

interface Owned {
  readonly organizationId: OrganizationId;
}

/** The row, unless it belongs to an organization that the person cannot see. */
export function visible<T extends Owned>(person: Person, row: T | undefined, resource: string, name: string): T {
  if (row === undefined || !sees(person, row.organizationId)) throw notFound(resource, name);
  return row;
}
