import { Role } from "../../../src/gen/windlass/v1/system_service_pb.ts";

interface RoleWords {
  readonly text: string;
  readonly about: string;
  /** As the command line client writes it. */
  readonly flag: string;
}

const words: Readonly<Record<Role, RoleWords>> = {
  [Role.UNSPECIFIED]: { text: "none", about: "", flag: "" },
  [Role.READER]: { text: "reader", about: "Looks at everything but states and the audit log.", flag: "reader" },
  [Role.PLANNER]: { text: "planner", about: "Starts runs that only plan, and downloads states.", flag: "planner" },
  [Role.OPERATOR]: {
    text: "operator",
    about: "Starts and confirms runs; changes workspaces, pools and tokens.",
    flag: "operator",
  },
  [Role.OWNER]: { text: "owner", about: "Also gives out API keys and reads the audit log.", flag: "owner" },
  [Role.SITE_ADMIN]: { text: "site admin", about: "Everything, in every organization.", flag: "site-admin" },
};

export const roleWords = (role: Role): RoleWords => words[role] ?? words[Role.UNSPECIFIED];
export const roleText = (role: Role): string => roleWords(role).text;

/** The roles that a key of an organization can have, from the least. */
export const organizationRoles: readonly Role[] = [Role.READER, Role.PLANNER, Role.OPERATOR, Role.OWNER];
