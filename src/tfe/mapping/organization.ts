import type { OrganizationView } from "../../control/people/organizations.ts";
import { allows, type Person } from "../../domain/people/principal.ts";
import type { Resource } from "../core/answers.ts";
import { toTfeId, toTime } from "../core/ids.ts";

/** An organization as clients know it: its id is its name. */
export const toOrganization = (row: OrganizationView, who: Person): Resource => ({
  type: "organizations",
  id: row.name,
  attributes: {
    name: row.name,
    "external-id": toTfeId(row.id),
    "created-at": toTime(row.createdAt),
    email: row.email,
    "default-execution-mode": row.defaultExecutionMode,
    "allow-force-delete-workspaces": row.allowsForceDelete,
    permissions: {
      "can-update": allows(who, "own"),
      "can-destroy": allows(who, "administer_site"),
      "can-create-workspace": allows(who, "operate"),
    },
    ...row.keptAttributes,
  },
  relationships: {
    "default-agent-pool": {
      data: row.defaultPoolId === null ? null : { type: "agent-pools", id: toTfeId(row.defaultPoolId) },
    },
  },
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
