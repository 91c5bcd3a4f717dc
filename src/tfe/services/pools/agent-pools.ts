import { getLinkedPool, type LinkedPool, searchPools } from "../../../control/agents/pool-links.ts";
import { createPool, deletePool, updatePool } from "../../../control/agents/pools.ts";
import type { Reference } from "../../../control/core/access.ts";
import { created, done, found, listed, type Resource, type TfeAnswer } from "../../core/answers.ts";
import { readResource, refuseUnknown } from "../../core/body.ts";
import { idParam, idsIn, param, route, type TfeCall } from "../../core/call.ts";
import { includesOf, pageOf, sliceOf, sortOf } from "../../core/pages.ts";
import { agentPoolShape, toAgentPool, unknownPoolScopes } from "../../mapping/agent-pool.ts";
import { workspacesByIds } from "../workspace-includes.ts";

/** The pool that the path names by its id. */
export const poolParam = (call: TfeCall): Reference => ({ organization: "", name: idParam(call, "pool", "apool") });

const includesIn = (call: TfeCall) => includesOf(call, ["workspaces", "hyok_configurations"]);

async function included(
  call: TfeCall,
  wanted: ReturnType<typeof includesIn>,
  pools: readonly LinkedPool[],
): Promise<readonly Resource[] | undefined> {
  if (wanted.size === 0) return undefined;
  const ids = wanted.has("workspaces") ? pools.flatMap(({ assigned }) => assigned) : [];
  return workspacesByIds(call, ids);
}

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const [page, wanted, sort] = [pageOf(call), includesIn(call), sortOf(call, ["name", "created-at"])];
  const search = call.query.get("q")?.trim() ?? "";
  const usableBy = call.query.get("filter[allowed_workspaces][name]")?.trim() || undefined;
  const order = sort?.name === "created-at" ? "created_at" : "name";
  const { rows, total, all } = await searchPools(call.control, call.who, {
    ...{ organization: param(call, "organization"), search, usableBy, slice: sliceOf(page) },
    ...{ order, isDescending: sort?.isDescending ?? false },
  });
  const meta = { "status-counts": { total: all, matching: total } };
  const parts = { included: await included(call, wanted, rows), meta };
  return listed(rows.map(toAgentPool), { ...page, total }, parts);
};

async function readInput(call: TfeCall) {
  const { attributes, relationships } = await readResource(call, agentPoolShape);
  refuseUnknown(relationships, unknownPoolScopes);
  const allowed = relationships["allowed-workspaces"]?.data;
  const { name, "organization-scoped": isOrganizationScoped } = attributes;
  return {
    ...(name === undefined ? {} : { name }),
    ...(typeof isOrganizationScoped === "boolean" ? { isOrganizationScoped } : {}),
    ...(allowed === undefined ? {} : { grants: idsIn("ws", "workspace", allowed) }),
  };
}

const create = async (call: TfeCall): Promise<TfeAnswer> => {
  const wanted = { name: "", isOrganizationScoped: true, grants: [], ...(await readInput(call)) };
  const { pool } = await createPool(call.control, call.who, {
    ...{ organization: param(call, "organization"), description: "", requestId: "" },
    ...wanted,
  });
  return created(toAgentPool(await linked(call, pool.id)));
};

const linked = (call: TfeCall, id: string): Promise<LinkedPool> =>
  getLinkedPool(call.control, call.who, { organization: "", name: id });

const read = async (call: TfeCall): Promise<TfeAnswer> => {
  const wanted = includesIn(call);
  const pool = await getLinkedPool(call.control, call.who, poolParam(call));
  return found(toAgentPool(pool), { included: await included(call, wanted, [pool]) });
};

const update = async (call: TfeCall): Promise<TfeAnswer> => {
  const reference = poolParam(call);
  const changes = await readInput(call);
  const { pool } = await updatePool(call.control, call.who, { reference, changes, etag: "" });
  return found(toAgentPool(await linked(call, pool.id)));
};

const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await deletePool(call.control, call.who, poolParam(call));
  return done;
};

export const agentPoolRoutes = [
  route("GET /organizations/:organization/agent-pools", list),
  route("POST /organizations/:organization/agent-pools", create),
  route("GET /agent-pools/:pool", read),
  route("PATCH /agent-pools/:pool", update),
  route("DELETE /agent-pools/:pool", remove),
];
