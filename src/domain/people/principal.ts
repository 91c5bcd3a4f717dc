import type { AgentId, AgentTokenId, ApiKeyId, JobId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { Role } from "./api-key.ts";

/** Who calls, derived from the verified credential only. */
export type Principal =
  | {
      readonly kind: "api_key";
      readonly id: ApiKeyId;
      readonly name: string;
      readonly role: Role;
      readonly organizationId: OrganizationId | null;
      /** Where the call comes from; absent or empty in the same process. For records, never for trust. */
      readonly address?: string | undefined;
      /** The browser session by which the key is used; absent if its secret was shown. */
      readonly browserSessionId?: string | undefined;
    }
  | {
      readonly kind: "agent_token";
      readonly id: AgentTokenId;
      readonly poolId: PoolId;
      readonly organizationId: OrganizationId;
      /** Who it is by its issuer's word; absent if a secret was shown. For records. */
      readonly identity?: string | undefined;
    }
  | { readonly kind: "server_agent" }
  | { readonly kind: "agent_session"; readonly agentId: AgentId }
  | { readonly kind: "job"; readonly jobId: JobId; readonly epoch: number };

/** An API key: the only kind that may manage things. */
export type Person = Extract<Principal, { kind: "api_key" }>;

/** What an operation demands of a person's role in the organization it touches. */
export type Permission = "read" | "plan" | "operate" | "own" | "administer_site";

const granted: Record<Role, ReadonlySet<Permission>> = {
  site_admin: new Set<Permission>(["read", "plan", "operate", "own", "administer_site"]),
  owner: new Set<Permission>(["read", "plan", "operate", "own"]),
  operator: new Set<Permission>(["read", "plan", "operate"]),
  planner: new Set<Permission>(["read", "plan"]),
  reader: new Set<Permission>(["read"]),
};

/** Whether a person sees an organization at all; to others it does not exist. */
export const sees = (person: Person, organizationId: OrganizationId): boolean =>
  person.role === "site_admin" || person.organizationId === organizationId;

/** Whether a role may start runs that apply. */
export const mayOperate = (role: Role): boolean => granted[role].has("operate");

/** Whether a person's role allows a permission; says nothing about which organization. */
export const allows = (person: Person, permission: Permission): boolean => granted[person.role].has(permission);

/** What a role allows, the least first. */
export const permissionsOf = (role: Role): readonly Permission[] => [...granted[role]];

/** Whether a person may give a role to a key: nobody gives more than they have. */
export const mayGive = (person: Person, role: Role): boolean =>
  [...granted[role]].every((permission) => allows(person, permission));
