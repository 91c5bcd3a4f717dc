import {
  createAgentToken,
  getAgentToken,
  revokeAgentToken,
  searchAgentTokens,
} from "../../../control/agents/tokens.ts";
import { created, done, found, listed, type TfeAnswer } from "../../core/answers.ts";
import { readResource } from "../../core/body.ts";
import { idParam, route, type TfeCall } from "../../core/call.ts";
import { pageOf, sliceOf } from "../../core/pages.ts";
import { agentTokenShape, toAgentToken } from "../../mapping/agent.ts";
import { poolParam } from "./agent-pools.ts";

const tokenParam = (call: TfeCall) => idParam(call, "token", "atok");

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const [page, pool] = [pageOf(call), poolParam(call)];
  const { rows, total } = await searchAgentTokens(call.control, call.who, { pool, slice: sliceOf(page) });
  return listed(
    rows.map((row) => toAgentToken(row)),
    { ...page, total },
  );
};

/** Clients know of no end of such tokens: they are good until they are deleted. */
const create = async (call: TfeCall): Promise<TfeAnswer> => {
  const pool = poolParam(call);
  const { description } = (await readResource(call, agentTokenShape)).attributes;
  const { token, secret } = await createAgentToken(call.control, call.who, { pool, description, expiresInMs: 0 });
  return created(toAgentToken(token, secret));
};

const read = async (call: TfeCall): Promise<TfeAnswer> =>
  found(toAgentToken(await getAgentToken(call.control, call.who, tokenParam(call))));

/** Its agents are sent away; the jobs that they have go on to their end. */
const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await revokeAgentToken(call.control, call.who, { id: tokenParam(call), stopsJobs: false, isOnce: true });
  return done;
};

export const agentTokenRoutes = [
  route("GET /agent-pools/:pool/authentication-tokens", list),
  route("POST /agent-pools/:pool/authentication-tokens", create),
  route("GET /authentication-tokens/:token", read),
  route("DELETE /authentication-tokens/:token", remove),
];
