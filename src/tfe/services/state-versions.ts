import * as z from "zod";
import { notFound } from "../../control/core/access.ts";
import { invalid } from "../../control/core/refusals.ts";
import { getAnnouncement, sliceAnnouncements } from "../../control/states/announcements.ts";
import { rollbackState } from "../../control/states/push.ts";
import {
  downloadState,
  getState,
  type StateReference,
  type StateView,
  sliceStates,
} from "../../control/states/states.ts";
import { getSummedState } from "../../control/states/typed-outputs.ts";
import { allows } from "../../domain/people/principal.ts";
import type { StateAnnouncement } from "../../domain/workspaces/state-version.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { found, listed, type Resource, type TfeAnswer, uniqueResources } from "../core/answers.ts";
import { readResource, toOne } from "../core/body.ts";
import { idParam, route, sharerOf, type TfeCall, workspaceParam } from "../core/call.ts";
import { refused } from "../core/errors.ts";
import { fromTfeId } from "../core/ids.ts";
import { includesOf, pageOf, sliceOf } from "../core/pages.ts";
import { type StateUrls, toAnnouncement, toStateVersion, toSummedState } from "../mapping/state-version.ts";
import { runBeside } from "./run-includes.ts";
import { allOutputs } from "./state-outputs.ts";
import { usersOf } from "./users.ts";

/**
 * How often the terraform program uploads the state of an apply that goes on, in seconds; without it a killed one loses everything. It
 * takes no less than 20.
 */
export const snapshotHeaders = { "x-terraform-snapshot-interval": "20" };

/** Where the caller can read the bytes. */
export function urlsOf(call: TfeCall, { state: { id } }: StateView): StateUrls {
  const { urls, origin, who } = call;
  if (!allows(who, "plan")) return { state: null, json: null };
  const of = (kind: "state" | "json-state") => urls.urlOf(origin, { kind, method: "GET", id, keyId: who.id });
  return { state: of("state"), json: of("json-state") };
}

const known = ["outputs", "created_by", "run", "run.created_by", "run.configuration_version"] as const;
type Includes = ReadonlySet<(typeof known)[number]>;

/** One state version, with what is wanted beside it. */
async function answerState(call: TfeCall, reference: StateReference): Promise<TfeAnswer> {
  const wanted = includesOf(call, known);
  const summed = await getSummedState(call.control, call.who, reference);
  const outputs = wanted.has("outputs") ? await allOutputs(call, { id: summed.state.id, workspace: nowhere }) : [];
  const included = await makersOf(call, summed.state, wanted);
  const parts = wanted.size === 0 ? {} : { included: uniqueResources([...outputs, ...included]) };
  return found(toSummedState(summed, urlsOf(call, summed)), parts, snapshotHeaders);
}

const nowhere = { organization: "", name: "" };

/** The person who has brought a state, and the run that it belongs to, as far as they are wanted. */
async function makersOf(
  call: TfeCall,
  { createdBy, runId }: Pick<StateAnnouncement, "createdBy" | "runId">,
  wanted: Includes,
): Promise<readonly Resource[]> {
  const beside = (["created_by", "configuration_version"] as const).filter((name) => wanted.has(`run.${name}`));
  const isRunWanted = wanted.has("run") || beside.length > 0;
  return [
    ...(wanted.has("created_by") ? usersOf([createdBy]) : []),
    ...(isRunWanted && runId !== null ? await runBeside(call, runId, new Set(beside)) : []),
  ];
}

/** Its bytes may not have come yet. */
async function read(call: TfeCall): Promise<TfeAnswer> {
  const id = idParam(call, "state", "sv");
  const announced = await getAnnouncement(call.control, call.who, id);
  if (announced === undefined) return answerState(call, { id, workspace: nowhere });
  const wanted = includesOf(call, known);
  const parts = wanted.size === 0 ? {} : { included: uniqueResources(await makersOf(call, announced, wanted)) };
  return found(toAnnouncement(announced), parts, snapshotHeaders);
}

/** Also without a state, or the first apply of a workspace would bring none while it goes on. */
async function readCurrent(call: TfeCall): Promise<TfeAnswer> {
  try {
    return await answerState(call, { id: "", workspace: workspaceParam(call) });
  } catch (error) {
    if (isWindlassError(error, "not_found")) return { ...refused(error, ""), headers: snapshotHeaders };
    throw error;
  }
}

async function list(call: TfeCall): Promise<TfeAnswer> {
  const organization = call.query.get("filter[organization][name]") ?? "";
  const name = call.query.get("filter[workspace][name]") ?? "";
  if (organization === "") throw invalid("filter[organization][name]", "name an organization");
  if (name === "") throw invalid("filter[workspace][name]", "name a workspace");
  const page = pageOf(call);
  const part = { workspace: { organization, name }, ...sliceOf(page) };
  const status = statusIn(call);
  if (status === "pending") {
    const { rows, total } = await sliceAnnouncements(call.control, call.who, part);
    return listed(rows.map(toAnnouncement), { ...page, total });
  }
  const { rows, total } = await sliceStates(call.control, call.who, { ...part, isQuarantined: status === "discarded" });
  return listed(
    rows.map((view) => toStateVersion(view, urlsOf(call, view))),
    { ...page, total },
  );
}

const listedStatuses = ["finalized", "pending", "discarded"] as const;

function statusIn({ query }: TfeCall): (typeof listedStatuses)[number] {
  const status = query.get("filter[status]") ?? "finalized";
  const known = listedStatuses.find((one) => one === status);
  if (known !== undefined) return known;
  throw invalid("filter[status]", `expected ${listedStatuses.join(", ")}, got ${JSON.stringify(status.slice(0, 40))}`);
}

async function download(call: TfeCall): Promise<TfeAnswer> {
  return bytesOf(call, idParam(call, "state", "sv"));
}

/** The bytes of a state as they were brought. */
export async function bytesOf(call: TfeCall, id: string): Promise<TfeAnswer> {
  const pieces = downloadState(call.control, call.who, { id, workspace: nowhere });
  const bytes = await call.transfers.download(pieces, { of: sharerOf(call), signal: call.signal });
  return { kind: "bytes", status: 200, type: "application/json", bytes };
}

const rollbackShape = {
  types: ["state-versions"],
  attributes: z.object({}),
  relationships: z.object({ "rollback-state-version": toOne }),
};

async function rollback(call: TfeCall): Promise<TfeAnswer> {
  const { name: workspaceId } = workspaceParam(call);
  const { relationships } = await readResource(call, rollbackShape);
  const id = fromTfeId(relationships["rollback-state-version"].data?.id ?? "");
  const { state } = await getState(call.control, call.who, { id, workspace: { organization: "", name: workspaceId } });
  if (state.workspaceId !== workspaceId || id === "") throw notFound("state version", id);
  const view = await rollbackState(call.control, call.who, { id, expectedCurrentId: "" });
  return found(toStateVersion(view, urlsOf(call, view)));
}

export const stateVersionRoutes = [
  route("GET /state-versions", list),
  route("GET /state-versions/:state", read),
  route("GET /state-versions/:state/download", download),
  route("GET /workspaces/:workspace/current-state-version", readCurrent),
  route("PATCH /workspaces/:workspace/state-versions", rollback),
];
