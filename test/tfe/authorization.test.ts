import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../../src/control/agents/pools.ts";
import { createAgentToken } from "../../src/control/agents/tokens.ts";
import type { Role } from "../../src/domain/people/api-key.ts";
import type { Permission } from "../../src/domain/people/principal.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { mintToken } from "../../src/lib/words/tokens.ts";
import { apiRoutes } from "../../src/tfe/routes.ts";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";
import { newPool } from "../support/wanted.ts";
import type { TfeRow } from "./rows/row.ts";
import { allRows as rows } from "./rows/rows.ts";

/** What each role may do, as the product promises it. */
const allowed: Readonly<Record<Role, readonly Permission[]>> = {
  site_admin: ["read", "plan", "operate", "own", "administer_site"],
  owner: ["read", "plan", "operate", "own"],
  operator: ["read", "plan", "operate"],
  planner: ["read", "plan"],
  reader: ["read"],
};
const roles = ["site_admin", "owner", "operator", "planner", "reader"] as const;
/** Those who have a key of another organization, a token of an agent, a key that is nobody's, or nothing. */
const outsiders = ["siblingOwner", "agent token", "key of nobody", "nobody"] as const;

let tfe: TestTfe;
let agentToken: string;
beforeAll(async () => {
  tfe = await openTestTfe();
  const { control, as } = tfe;
  await createPool(control, as("owner"), newPool("prod"));
  const wanted = { pool: { organization: "acme", name: "prod" }, description: "", expiresInMs: null };
  agentToken = (await createAgentToken(control, as("owner"), wanted)).secret;
});
afterAll(() => tfe[Symbol.asyncDispose]());

const credentialOf = (who: (typeof roles)[number] | (typeof outsiders)[number]): string | null => {
  switch (who) {
    case "agent token":
      return agentToken;
    case "key of nobody":
      return mintToken("usr", systemRandom);
    case "nobody":
      return null;
    default:
      return tfe.keys[who];
  }
};

/** What a caller must get. */
function expected(
  { needs, status, isShared = false }: TfeRow,
  who: (typeof roles)[number] | (typeof outsiders)[number],
) {
  if (needs === "anybody") return status;
  if (who === "nobody" || who === "key of nobody") return 401;
  if (who === "agent token") return 404;
  if (who === "siblingOwner") return isShared ? status : 404;
  return allowed[who].includes(needs) ? status : 404;
}

test("every route has a row, and every row a route", () => {
  expect(rows.map(({ pattern }) => pattern).toSorted()).toEqual(apiRoutes.map(({ pattern }) => pattern).toSorted());
});

test.each(rows)("$pattern is for those who may, and to others there is nothing", async (row) => {
  const [method = "", path = ""] = row.pattern.split(" ");
  const got: Record<string, number> = {};
  for (const who of [...roles, ...outsiders]) {
    const request = (await row.request?.(tfe, tfe.organization)) ?? {};
    const params: Readonly<Record<string, string>> = { organization: tfe.organization.name, ...request.params };
    const asked = path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params[name] ?? ""));
    const body = method === "GET" ? undefined : request.body;
    const answer = await tfe.call(method, `${asked}${request.query ?? ""}`, body, { token: credentialOf(who) });
    got[who] = answer.status;
    // Clients read what went wrong.
    if (answer.status >= 400)
      expect(answer.document, `${row.pattern} as ${who}`).toMatchObject({
        errors: [{ status: String(answer.status), title: expect.any(String) }],
      });
  }
  expect(got).toEqual(Object.fromEntries([...roles, ...outsiders].map((who) => [who, expected(row, who)])));
});
