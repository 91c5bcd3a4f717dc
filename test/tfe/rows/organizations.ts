import { createOrganization } from "../../../src/control/people/organizations.ts";
import { toPartId } from "../../../src/tfe/core/ids.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { nameFor } from "./made.ts";
import type { TfeRow } from "./row.ts";

/** Only site admins see one beside their own. */
const another = async ({ control, admin }: TestTfe) => {
  const { name } = await createOrganization(control, admin, { name: nameFor("org"), requestId: "" });
  return { params: { organization: name } };
};

export const organizationRows: readonly TfeRow[] = [
  { pattern: "GET /ping", needs: "anybody", status: 204, isShared: true },
  { pattern: "GET /account/details", needs: "read", status: 200, isShared: true },
  { pattern: "GET /organizations", needs: "read", status: 200, isShared: true },
  {
    pattern: "POST /organizations",
    needs: "administer_site",
    status: 201,
    request: async () => ({ body: resourceBody("organizations", { name: nameFor("org"), email: "a@example.com" }) }),
  },
  { pattern: "GET /organizations/:organization", needs: "read", status: 200 },
  {
    pattern: "PATCH /organizations/:organization",
    needs: "own",
    status: 200,
    request: async () => ({ body: resourceBody("organizations", { email: "b@example.com" }) }),
  },
  { pattern: "DELETE /organizations/:organization", needs: "administer_site", status: 204, request: another },
  { pattern: "GET /organizations/:organization/entitlement-set", needs: "read", status: 200 },
  { pattern: "GET /organizations/:organization/projects", needs: "read", status: 200 },
  // There is one, and nobody makes another.
  {
    pattern: "POST /organizations/:organization/projects",
    needs: "read",
    status: 422,
    request: async () => ({ body: resourceBody("projects", { name: "x" }) }),
  },
  {
    pattern: "GET /projects/:project",
    needs: "read",
    status: 200,
    request: async (_tfe, { id }) => ({ params: { project: toPartId("prj", id) } }),
  },
];
