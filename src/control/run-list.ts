import type { Person, Principal } from "../domain/principal.ts";
import type { RunStatus } from "../domain/run.ts";
import { type AgentId, isId, type OrganizationId } from "../lib/ids.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findOrganization, findPool, findWorkspace } from "./access.ts";
import type { Control } from "./control.ts";
import { invalid } from "./invalid.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "./pages.ts";
import { type RunView, viewRuns } from "./run-view.ts";

/** Which runs are wanted; what is empty does not narrow the list. */
export interface RunListFilter {
  readonly organization: string;
  /** Empty: every workspace. */
  readonly workspace: string;
  readonly statuses: readonly RunStatus[];
  readonly search?: string;
  readonly createdFrom?: Date | null;
  readonly createdBefore?: Date | null;
  /** Id or name. */
  readonly pool?: string;
  readonly tags?: readonly string[];
  readonly isActive?: boolean;
  readonly agentId?: string;
}

/** Runs, newest first. */
export const listRuns = (
  control: Control,
  who: Principal,
  { filter, page }: { filter: RunListFilter; page: PageRequest },
): Promise<Page<RunView>> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const rows = await rowFilter(q, person, filter);
    const found = await pageByTime(
      page,
      (position) => q.runs.list(rows, position),
      (run) => run,
    );
    return withRows(found, await viewRuns(control, q, found.rows));
  });

async function rowFilter(
  q: Queries,
  person: Person,
  filter: RunListFilter,
): Promise<Parameters<Queries["runs"]["list"]>[0]> {
  const { organization, workspace: name, pool = "", statuses, search = "", tags = [], isActive = false } = filter;
  const workspace = name === "" ? null : await findWorkspace(q, person, { organization, name });
  const organizationId: OrganizationId =
    workspace?.organizationId ?? (await findOrganization(q, person, organization)).id;
  return {
    organizationId,
    workspaceId: workspace?.id ?? null,
    statuses,
    search,
    tags,
    isActive,
    createdFrom: filter.createdFrom ?? null,
    createdBefore: filter.createdBefore ?? null,
    poolId: pool === "" ? null : (await findPool(q, person, { organization: organizationId, name: pool })).id,
    agentId: agentIdOf(filter.agentId ?? ""),
  };
}

/** Runs are of the organization already: another tenant's agent has none of them. */
function agentIdOf(text: string): AgentId | null {
  if (text === "") return null;
  if (isId("agent", text)) return text;
  throw invalid("agent_id", `expected the id of an agent (agent_…), not ${JSON.stringify(text)}`);
}
