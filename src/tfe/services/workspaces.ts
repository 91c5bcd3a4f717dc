import * as z from "zod";
import { notFound, type Reference } from "../../control/core/access.ts";
import { invalid } from "../../control/core/refusals.ts";
import { lockWorkspace, unlockWorkspace } from "../../control/runs/workspace-locks.ts";
import { deleteWorkspace } from "../../control/workspaces/deletion.ts";
import { detailWorkspaces, searchWorkspaces } from "../../control/workspaces/search.ts";
import type { WorkspaceView } from "../../control/workspaces/view.ts";
import { createWorkspace, getWorkspace, updateWorkspace } from "../../control/workspaces/workspaces.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { created, done, found, listed, type TfeAnswer } from "../core/answers.ts";
import { noRelationships, readOptionalResource, readResource } from "../core/body.ts";
import { param, route, type TfeCall, workspaceParam } from "../core/call.ts";
import { toTfeId } from "../core/ids.ts";
import { pageOf, sliceOf } from "../core/pages.ts";
import { projectName } from "../mapping/organization.ts";
import {
  fromNewWorkspace,
  fromWorkspace,
  refuseAutoDestroy,
  type WorkspaceInput,
  workspaceShape,
} from "../mapping/workspace-input.ts";
import { fromWorkspaceQuery } from "../mapping/workspace-query.ts";
import { organizationOf } from "./organizations.ts";
import { namedTags } from "./tag-names.ts";
import { withIncludes, workspaceIncludes } from "./workspace-includes.ts";

/** The workspace of the path: by its id, or by organization and name. */
const referenceOf = (call: TfeCall): Reference =>
  call.params.organization === undefined
    ? workspaceParam(call)
    : { organization: param(call, "organization"), name: nameOf(param(call, "workspace")) };

/** Below an organization a workspace is named: its id stands elsewhere. */
const nameOf = (text: string): string => {
  if (text.startsWith("ws_")) throw notFound("workspace", text.slice(0, 100));
  return text;
};

async function answered(call: TfeCall, view: WorkspaceView, answer = found): Promise<TfeAnswer> {
  const [row] = await detailWorkspaces(call.control, [view]);
  const { resources, included } = await withIncludes(call, row === undefined ? [] : [row], workspaceIncludes(call));
  const [resource] = resources;
  if (resource === undefined) throw new Error("a workspace has one document");
  return answer(resource, { included });
}

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const page = pageOf(call);
  const includes = workspaceIncludes(call);
  const { project, ...wanted } = fromWorkspaceQuery(call.query);
  const organization = param(call, "organization");
  const owner = await organizationOf(call);
  if (project !== "" && project !== projectName(owner).id) return listed([], { ...page, total: 0 });
  const slice = sliceOf(page);
  const { rows, total } = await searchWorkspaces(call.control, call.who, { organization, slice, ...wanted });
  const { resources, included } = await withIncludes(call, rows, includes);
  return listed(resources, { ...page, total }, { included });
};

async function workspaceIn(call: TfeCall): Promise<WorkspaceInput> {
  const input = await readResource(call, workspaceShape);
  refuseAutoDestroy(input, call.control.clock.now());
  return input;
}

const create = async (call: TfeCall): Promise<TfeAnswer> => {
  const input = await workspaceIn(call);
  const organization = await organizationOf(call);
  demandProject(input, organization);
  const tags = namedTags(organization, input.relationships.tags?.data ?? []);
  const wanted = { organization: organization.id, settings: fromNewWorkspace(input, tags), requestId: "" };
  return answered(call, await createWorkspace(call.control, call.who, wanted), created);
};

/** Every workspace is in the one project of its organization. */
function demandProject(
  { relationships: { project } }: WorkspaceInput,
  organization: Parameters<typeof projectName>[0],
): void {
  const { id } = projectName(organization);
  if (project?.data === undefined || project.data === null || project.data.id === id) return;
  throw invalid("/data/relationships/project", `expected the only project of the organization, ${id}`);
}

const read = async (call: TfeCall): Promise<TfeAnswer> =>
  answered(call, await getWorkspace(call.control, call.who, referenceOf(call)));

const update = async (call: TfeCall): Promise<TfeAnswer> => {
  const input = await workspaceIn(call);
  const reference = referenceOf(call);
  const { workspace } = await getWorkspace(call.control, call.who, reference);
  demandProject(input, { id: workspace.organizationId });
  const wanted = { reference, changes: fromWorkspace(input), etag: "" };
  return answered(call, await updateWorkspace(call.control, call.who, wanted));
};

/** Whatever its state; what is to be looked at first has `safe-delete`. */
const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await deleteWorkspace(call.control, call.who, { reference: referenceOf(call), isForced: true, endsRuns: true });
  return done;
};

const removeSafely = async (call: TfeCall): Promise<TfeAnswer> => {
  await deleteWorkspace(call.control, call.who, { reference: referenceOf(call), isForced: false });
  return done;
};

const lockAttributes = z.object({ reason: z.string().max(1_000).nullable().optional() });

const lock = async (call: TfeCall): Promise<TfeAnswer> => {
  const { attributes } = await readOptionalResource(call, {
    attributes: lockAttributes,
    relationships: noRelationships,
  });
  const wanted = { reference: referenceOf(call), reason: attributes.reason ?? "" };
  return answered(call, await lockWorkspace(call.control, call.who, wanted));
};

const unlockBy = (isForced: boolean) => async (call: TfeCall) => {
  const wanted = { reference: referenceOf(call), isForced };
  try {
    return await answered(call, await unlockWorkspace(call.control, call.who, wanted));
  } catch (error) {
    throw isWindlassError(error, "workspace_locked") ? inKnownWords(error) : error;
  }
};

/** Clients look for who holds it in these words. */
function inKnownWords(error: WindlassError): WindlassError {
  const { run_id: run = "", locked_by: holder = "" } = error.metadata;
  const words = run === "" ? `is locked by User ${holder}` : `is locked by Run ${toTfeId(run)}`;
  return new WindlassError("workspace_locked", `The workspace ${words}: ${error.message}`, {
    metadata: error.metadata,
  });
}

const actions = [
  ["lock", lock],
  ["unlock", unlockBy(false)],
  ["force-unlock", unlockBy(true)],
  ["safe-delete", removeSafely],
] as const;

const places = ["/workspaces/:workspace", "/organizations/:organization/workspaces/:workspace"] as const;

export const workspaceRoutes = [
  route("GET /organizations/:organization/workspaces", list),
  route("POST /organizations/:organization/workspaces", create),
  ...places.flatMap((place) => [
    route(`GET ${place}`, read),
    route(`PATCH ${place}`, update),
    route(`DELETE ${place}`, remove),
    ...actions.map(([name, answer]) => route(`POST ${place}/actions/${name}`, answer)),
  ]),
];
