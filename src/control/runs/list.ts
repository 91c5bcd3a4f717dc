import type { Person, Principal } from "../../domain/people/principal.ts";
import { withoutTexts } from "../../domain/runs/listed-run.ts";
import type { KeptLost } from "../../domain/runs/lost.ts";
import type { Run, RunStatus } from "../../domain/runs/run.ts";
import { type AgentId, isId, type OrganizationId } from "../../lib/words/ids.ts";
import type { TimePage } from "../../store/ports/pages.ts";
import type { RunFilter } from "../../store/ports/runs.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findOrganization, findPool, findRun, findWorkspace } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { type Page, type PageRequest, pageByTime, pageOfAll, searchByTime, withRows } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { type RunView, viewRuns } from "./view.ts";

/** Which runs are wanted; what is empty does not narrow the list. */
export interface RunListFilter {
  readonly organization: string;
  /** Empty: every workspace. */
  readonly workspace: string;
  /** Any of them; null is all. */
  readonly statuses: readonly RunStatus[] | null;
  readonly search?: string | undefined;
  readonly createdFrom?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
  /** Id or name. */
  readonly pool?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly isActive?: boolean | undefined;
  readonly agentId?: string | undefined;
  readonly needsDecision?: boolean | undefined;
  /** These as in a filter of rows. */
  readonly states?: RunFilter["states"];
  readonly sources?: RunFilter["sources"];
  readonly operations?: RunFilter["operations"];
  readonly poolNames?: RunFilter["poolNames"];
  readonly workspaceNames?: RunFilter["workspaceNames"];
  readonly createdBy?: string | undefined;
}

/** Runs, newest first. */
export async function listRuns(
  control: Control,
  who: Principal,
  { filter, page }: { filter: RunListFilter; page: PageRequest },
): Promise<Page<RunView>> {
  const person = asPerson(who);
  demand(person, "read");
  const { store } = control;
  const rows = await store.read((q) => rowFilter(q, person, filter));
  const read = (times: TimePage) => aFewAtATime(times, (few) => store.read((q) => q.runs.list(rows, few)));
  const positionOf = (run: Run) => run;
  // Those that wait for a decision are found by the workspaces that they hold.
  const found = rows.needsDecision
    ? await pageByTime(page, read, positionOf)
    : await searchByTime(page, {
        placeAfter: (times) => store.read((q) => q.runs.placeAfter(rows, times)),
        read,
        positionOf,
      });
  return withRows(found, await store.read((q) => viewRuns(control, q, found.rows)));
}

/** Of how many runs the options are in memory at a time: each may have 1 MiB. */
const fewRuns = 20;

/** The runs of a page without their large texts. */
async function aFewAtATime(times: TimePage, read: (few: TimePage) => Promise<readonly Run[]>): Promise<readonly Run[]> {
  const found: Run[] = [];
  for (let before = times.before; found.length < times.limit; ) {
    const limit = Math.min(fewRuns, times.limit - found.length);
    const few = await read({ ...times, before, limit });
    found.push(...few.map(withoutTexts));
    const last = few.at(-1);
    if (last === undefined || few.length < limit) break;
    before = { at: last.createdAt, id: last.id };
  }
  return found;
}

/** The rows that a filter means, as far as its caller sees them. */
export async function rowFilter(q: Queries, person: Person, filter: RunListFilter): Promise<RunFilter> {
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
    needsDecision: filter.needsDecision ?? false,
    states: filter.states,
    sources: filter.sources,
    operations: filter.operations,
    poolNames: filter.poolNames,
    workspaceNames: filter.workspaceNames,
    createdBy: filter.createdBy,
  };
}

/** Runs are of the organization already: another tenant's agent has none of them. */
function agentIdOf(text: string): AgentId | null {
  if (text === "") return null;
  if (isId("agent", text)) return text;
  throw invalid("agent_id", `expected the id of an agent (agent_…), not ${JSON.stringify(text)}`);
}

/** What an apply had finished and its last state does not have as it should. */
export async function listLostResources(
  control: Control,
  who: Principal,
  { id, page }: { readonly id: string; readonly page: PageRequest },
): Promise<Page<KeptLost>> {
  const person = asPerson(who);
  demand(person, "read");
  const { lost } = await control.store.read((q) => findRun(q, person, id));
  return pageOfAll(page, lost?.resources ?? []);
}
