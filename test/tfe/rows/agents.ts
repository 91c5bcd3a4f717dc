import type { Organization } from "../../../src/domain/people/organization.ts";
import { isId } from "../../../src/lib/words/ids.ts";
import { fromTfeId, toTfeId } from "../../../src/tfe/core/ids.ts";
import { agentRow } from "../../support/rows.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { madeBy } from "./calls.ts";
import { nameFor } from "./made.ts";
import type { TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

const makePool = (tfe: TestTfe, { name }: Organization) =>
  madeBy(tfe, `/organizations/${name}/agent-pools`, resourceBody("agent-pools", { name: nameFor("pool") }));

const aboutPool =
  (body?: unknown): Request =>
  async (tfe, organization) => ({ params: { pool: await makePool(tfe, organization) }, body });

const tokenBody = resourceBody("authentication-tokens", { description: "for tests" });

const aboutToken: Request = async (tfe, organization) => {
  const pool = await makePool(tfe, organization);
  return { params: { token: await madeBy(tfe, `/agent-pools/${pool}/authentication-tokens`, tokenBody) } };
};

const aboutAgent: Request = async (tfe, organization) => {
  const poolId = fromTfeId(await makePool(tfe, organization));
  const row = await tfe.control.store.write(async (tx) => {
    const pool = isId("apool", poolId) ? await tx.pools.get(poolId) : undefined;
    const made = agentRow(pool ?? null, { name: nameFor("agent"), status: "exited" });
    await tx.agents.insert(made);
    return made;
  });
  return { params: { agent: toTfeId(row.id) } };
};

export const agentRows: readonly TfeRow[] = [
  { pattern: "GET /organizations/:organization/agent-pools", needs: "read", status: 200 },
  {
    ...{ pattern: "POST /organizations/:organization/agent-pools", needs: "operate", status: 201 },
    request: async () => ({ body: resourceBody("agent-pools", { name: nameFor("pool") }) }),
  },
  { pattern: "GET /agent-pools/:pool", needs: "read", status: 200, request: aboutPool() },
  {
    ...{ pattern: "PATCH /agent-pools/:pool", needs: "operate", status: 200 },
    request: aboutPool(resourceBody("agent-pools", { "organization-scoped": false })),
  },
  { pattern: "DELETE /agent-pools/:pool", needs: "operate", status: 204, request: aboutPool() },
  { pattern: "GET /agent-pools/:pool/authentication-tokens", needs: "read", status: 200, request: aboutPool() },
  {
    ...{ pattern: "POST /agent-pools/:pool/authentication-tokens", needs: "operate", status: 201 },
    request: aboutPool(tokenBody),
  },
  { pattern: "GET /authentication-tokens/:token", needs: "read", status: 200, request: aboutToken },
  { pattern: "DELETE /authentication-tokens/:token", needs: "operate", status: 204, request: aboutToken },
  { pattern: "GET /agent-pools/:pool/agents", needs: "read", status: 200, request: aboutPool() },
  { pattern: "GET /agents/:agent", needs: "read", status: 200, request: aboutAgent },
  { pattern: "DELETE /agents/:agent", needs: "operate", status: 204, request: aboutAgent },
];
