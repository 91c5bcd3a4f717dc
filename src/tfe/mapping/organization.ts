import * as z from "zod";
import type { NewOrganization, OrganizationUpdate, OrganizationView } from "../../control/people/organizations.ts";
import type { Organization } from "../../domain/people/organization.ts";
import { allows, type Person } from "../../domain/people/principal.ts";
import type { KeptAttributes } from "../../domain/workspaces/workspace.ts";
import type { Resource, ResourceName } from "../core/answers.ts";
import { type ResourceInput, toOne } from "../core/body.ts";
import { fromTfeId, toPartId, toTfeId, toTime } from "../core/ids.ts";

const flag = z.boolean().optional();
const seconds = z.int().min(0).max(2_000_000_000).nullable().optional();

/** What is kept for clients, as they may say it. What would promise a protection that is not there is refused. */
const keptShape = z.object({
  "aggregated-commit-status-enabled": flag,
  "assessments-enforced": flag,
  "collaborator-auth-policy": z.enum(["password", "two_factor_optional"]).optional(),
  "cost-estimation-enabled": flag,
  "enforce-hyok": z.literal(false).optional(),
  "owners-team-saml-role-id": z.string().max(1_000).nullable().optional(),
  "send-passing-statuses-for-untriggered-speculative-plans": flag,
  "session-remember": seconds,
  "session-timeout": seconds,
  "speculative-plan-management-enabled": flag,
  "stacks-enabled": flag,
  "user-tokens-enabled": z.literal(true).optional(),
});

/** What such attributes are of which nobody said anything. */
const keptDefaults: Required<z.infer<typeof keptShape>> = {
  "aggregated-commit-status-enabled": false,
  "assessments-enforced": false,
  "collaborator-auth-policy": "password",
  "cost-estimation-enabled": false,
  "enforce-hyok": false,
  "owners-team-saml-role-id": null,
  "send-passing-statuses-for-untriggered-speculative-plans": false,
  "session-remember": null,
  "session-timeout": null,
  "speculative-plan-management-enabled": false,
  "stacks-enabled": false,
  "user-tokens-enabled": true,
};

const mode = z.enum(["remote", "agent", "local"]).optional();

export const organizationShape = {
  types: ["organizations"],
  attributes: keptShape.extend({
    name: z.string().optional(),
    email: z.string().nullable().optional(),
    "default-execution-mode": mode,
    "allow-force-delete-workspaces": flag,
  }),
  relationships: z.object({ "default-agent-pool": toOne.optional() }),
} as const;

type OrganizationInput = ResourceInput<
  z.infer<(typeof organizationShape)["attributes"]>,
  z.infer<(typeof organizationShape)["relationships"]>
>;

/** A new organization; clients expect that its workspaces are protected if they say nothing. */
export const fromNewOrganization = (input: OrganizationInput): NewOrganization => {
  const { name = "", ...changes } = fromOrganization(input);
  return { name, requestId: "", allowsForceDelete: false, ...changes };
};

export function fromOrganization({ attributes, relationships }: OrganizationInput): OrganizationUpdate["changes"] {
  const { name, email, "default-execution-mode": defaultExecutionMode, ...rest } = attributes;
  const allowsForceDelete = rest["allow-force-delete-workspaces"];
  const pool = relationships["default-agent-pool"];
  return {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email: email ?? "" }),
    ...(defaultExecutionMode === undefined ? {} : { defaultExecutionMode }),
    ...(allowsForceDelete === undefined ? {} : { allowsForceDelete }),
    ...(pool === undefined ? {} : { defaultPool: pool.data === null ? "" : fromTfeId(pool.data.id) }),
    keptAttributes: saidOf(keptShape.parse(attributes)),
  };
}

/** What was said among what may be. */
export const saidOf = (attributes: Readonly<Record<string, unknown>>): KeptAttributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

export const organizationName = ({ name }: Pick<Organization, "name">): ResourceName => ({
  type: "organizations",
  id: name,
});

/** The one project that an organization has. */
export const projectName = ({ id }: Pick<Organization, "id">): ResourceName => ({
  type: "projects",
  id: toPartId("prj", id),
});

/** An organization as clients know it: its id is its name. */
export const toOrganization = (row: OrganizationView, who: Person): Resource => ({
  ...organizationName(row),
  attributes: {
    ...keptDefaults,
    ...row.keptAttributes,
    name: row.name,
    "external-id": toTfeId(row.id),
    "created-at": toTime(row.createdAt),
    email: row.email,
    "default-execution-mode": row.defaultExecutionMode,
    "allow-force-delete-workspaces": row.allowsForceDelete,
    permissions: {
      "can-update": allows(who, "own"),
      "can-destroy": allows(who, "administer_site"),
      "can-access-via-teams": false,
      "can-create-module": false,
      "can-create-provider": false,
      "can-create-team": false,
      "can-create-workspace": allows(who, "operate"),
      "can-manage-run-tasks": false,
      "can-manage-users": false,
      "can-update-agent-pools": allows(who, "operate"),
      "can-update-api-token": allows(who, "own"),
      "can-update-oauth": false,
      "can-update-sentinel": false,
    },
  },
  relationships: {
    "default-agent-pool": {
      data: row.defaultPoolId === null ? null : { type: "agent-pools", id: toTfeId(row.defaultPoolId) },
    },
    "default-project": { data: projectName(row) },
  },
  links: { self: `/api/v2/organizations/${row.name}` },
});

/** The name of the project that holds all workspaces of an organization. */
export const projectTitle = "Default Project";

export const toProject = (row: OrganizationView): Resource => ({
  ...projectName(row),
  attributes: {
    name: projectTitle,
    description: "",
    "created-at": toTime(row.createdAt),
    "default-execution-mode": row.defaultExecutionMode,
    "setting-overwrites": { "default-execution-mode": false, "default-agent-pool": false },
    "auto-destroy-activity-duration": null,
    permissions: { "can-read": true, "can-update": false, "can-destroy": false, "can-create-workspace": true },
  },
  relationships: {
    organization: { data: organizationName(row) },
    "default-agent-pool": {
      data: row.defaultPoolId === null ? null : { type: "agent-pools", id: toTfeId(row.defaultPoolId) },
    },
  },
  links: { self: `/api/v2/projects/${projectName(row).id}` },
});

/** What the server can do for an organization. */
export const toEntitlements = ({ id }: Pick<OrganizationView, "id">): Resource => ({
  type: "entitlement-sets",
  id: toTfeId(id),
  attributes: {
    agents: true,
    "audit-logging": true,
    "cost-estimation": false,
    "global-run-tasks": false,
    operations: true,
    "private-module-registry": false,
    "private-run-tasks": false,
    "run-tasks": false,
    sentinel: false,
    sso: false,
    "state-storage": true,
    teams: false,
    "usage-reporting": false,
    "user-limit": null,
    "vcs-integrations": false,
  },
});
