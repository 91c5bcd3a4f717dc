import { createPool } from "../../../src/control/agents/pools.ts";
import { createAgentToken } from "../../../src/control/agents/tokens.ts";
import { toTfeId } from "../../../src/tfe/core/ids.ts";
import { agentRow } from "../../support/rows.ts";
import { resourceBody } from "../../support/tfe.ts";
import { newPool } from "../../support/wanted.ts";
import { nameFor } from "./made.ts";
import type { TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

const poolOf = async ([tfe, organization]: Parameters<Request>) =>
  (await createPool(tfe.control, tfe.admin, newPool(nameFor("pool"), { organization: organization.id }))).pool;

/** A request about a new pool. */
const aboutPool =
  (body?: unknown): Request =>
  async (...of) => ({ params: { pool: toTfeId((await poolOf(of)).id) }, body });

const aboutToken: Request = async (tfe, organization) => {
  const { id } = await poolOf([tfe, organization]);
  const wanted = { pool: { organization: "", name: id }, description: "x", expiresInMs: null };
  const { token } = await createAgentToken(tfe.control, tfe.admin, wanted);
  return { params: { token: toTfeId(token.id) } };
};

const aboutAgent: Request = async (tfe, organization) => {
  const agent = agentRow(await poolOf([tfe, organization]), { status: "exited" });
  await tfe.control.store.write((tx) => tx.agents.insert(agent));
  return { params: { agent: toTfeId(agent.id) } };
};

const description = resourceBody("agent-tokens", { description: "x" });

export const poolRows: readonly TfeRow[] = [
  { pattern: "GET /organizations/:organization/agent-pools", needs: "read", status: 200 },
  {
    pattern: "POST /organizations/:organization/agent-pools",
    needs: "operate",
    status: 201,
    request: async () => ({ body: resourceBody("agent-pools", { name: nameFor("pool") }) }),
  },
  { pattern: "GET /agent-pools/:pool", needs: "read", status: 200, request: aboutPool() },
  {
    pattern: "PATCH /agent-pools/:pool",
    needs: "operate",
    status: 200,
    request: aboutPool(resourceBody("agent-pools", { "organization-scoped": false })),
  },
  { pattern: "DELETE /agent-pools/:pool", needs: "operate", status: 204, request: aboutPool() },
  { pattern: "GET /agent-pools/:pool/authentication-tokens", needs: "read", status: 200, request: aboutPool() },
  {
    pattern: "POST /agent-pools/:pool/authentication-tokens",
    needs: "operate",
    status: 201,
    request: aboutPool(description),
  },
  { pattern: "GET /authentication-tokens/:token", needs: "read", status: 200, request: aboutToken },
  { pattern: "DELETE /authentication-tokens/:token", needs: "operate", status: 204, request: aboutToken },
  { pattern: "GET /agent-pools/:pool/agents", needs: "read", status: 200, request: aboutPool() },
  { pattern: "GET /agents/:agent", needs: "read", status: 200, request: aboutAgent },
  { pattern: "DELETE /agents/:agent", needs: "operate", status: 204, request: aboutAgent },
];
