import { useQuery } from "@connectrpc/connect-query";
import { Permission, SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { roleText } from "../words/roles.ts";

const neededRole: Readonly<Partial<Record<Permission, string>>> = {
  [Permission.PLAN]: "planner",
  [Permission.OPERATE]: "operator",
  [Permission.OWN]: "owner",
  [Permission.ADMINISTER_SITE]: "site admin",
};

/** Why the caller may not do what needs a permission: stands at the button. Undefined if they may. */
export function useLack(permission: Permission): string | undefined {
  const { data } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  if (data === undefined || data.permissions.includes(permission)) return undefined;
  return `Your API key has the role ${roleText(data.role)}: this needs ${neededRole[permission] ?? "another"}`;
}
