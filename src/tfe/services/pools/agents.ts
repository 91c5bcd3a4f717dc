import { deleteAgent, getAgent } from "../../../control/agents/agents.ts";
import { searchPoolAgents } from "../../../control/agents/list.ts";
import { invalid } from "../../../control/core/refusals.ts";
import { done, found, listed, type TfeAnswer } from "../../core/answers.ts";
import { idParam, route, type TfeCall } from "../../core/call.ts";
import { pageOf, sliceOf, sortOf } from "../../core/pages.ts";
import { toAgent } from "../../mapping/agent.ts";
import { poolParam } from "./agent-pools.ts";

const agentParam = (call: TfeCall) => ({ organization: "", name: idParam(call, "agent", "agent") });

const sinceName = "filter[last-ping-since]";

function heardSince({ query }: TfeCall): Date | undefined {
  const text = query.get(sinceName)?.trim() ?? "";
  if (text === "") return undefined;
  const at = new Date(/^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? text : Number.NaN);
  if (Number.isNaN(at.getTime()))
    throw invalid(sinceName, `expected a time such as 2026-03-01T12:00:00Z, got ${JSON.stringify(text.slice(0, 80))}`);
  return at;
}

const list = async (call: TfeCall): Promise<TfeAnswer> => {
  const [page, pool] = [pageOf(call), poolParam(call)];
  const isDescending = sortOf(call, ["created-at"])?.isDescending ?? false;
  const wanted = { pool, isDescending, heardSince: heardSince(call), slice: sliceOf(page) };
  const { rows, total } = await searchPoolAgents(call.control, call.who, wanted);
  return listed(rows.map(toAgent), { ...page, total });
};

const read = async (call: TfeCall): Promise<TfeAnswer> =>
  found(toAgent(await getAgent(call.control, call.who, agentParam(call))));

const remove = async (call: TfeCall): Promise<TfeAnswer> => {
  await deleteAgent(call.control, call.who, agentParam(call));
  return done;
};

export const agentRoutes = [
  route("GET /agent-pools/:pool/agents", list),
  route("GET /agents/:agent", read),
  route("DELETE /agents/:agent", remove),
];
