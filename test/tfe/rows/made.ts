import { lockWorkspace } from "../../../src/control/runs/workspace-locks.ts";
import { createWorkspace } from "../../../src/control/workspaces/workspaces.ts";
import type { Organization } from "../../../src/domain/people/organization.ts";
import type { Person } from "../../../src/domain/people/principal.ts";
import type { Workspace } from "../../../src/domain/workspaces/workspace.ts";
import { toTfeId } from "../../../src/tfe/core/ids.ts";
import type { TestTfe } from "../../support/tfe.ts";
import { newWorkspace } from "../../support/wanted.ts";

let made = 0;

/** A name that no other thing has. */
export const nameFor = (what: string): string => `${what}-${++made}`;

/** A workspace of an organization, made by a site admin. */
export async function makeWorkspace(
  { control, admin }: TestTfe,
  { id }: Pick<Organization, "id">,
  over: Partial<Parameters<typeof newWorkspace>[1]> = {},
): Promise<Workspace> {
  const wanted = newWorkspace(nameFor("ws"), over);
  return (await createWorkspace(control, admin, { ...wanted, organization: id })).workspace;
}

/** The same, locked by somebody. */
export async function makeLocked(tfe: TestTfe, organization: Pick<Organization, "id">, by: Person): Promise<Workspace> {
  const { id } = await makeWorkspace(tfe, organization);
  const reference = { organization: "", name: id };
  return (await lockWorkspace(tfe.control, by, { reference, reason: "" })).workspace;
}

/** Names a workspace in a path, by its id. */
export const byId = ({ id }: Pick<Workspace, "id">) => ({ params: { workspace: toTfeId(id) } });
