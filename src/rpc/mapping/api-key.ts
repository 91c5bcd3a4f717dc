import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { KeyView } from "../../control/people/api-keys.ts";
import type { Role } from "../../domain/people/api-key.ts";
import type { ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import type { Role as RoleValue } from "../../gen/windlass/v1/system_service_pb.ts";
import { keysOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { roleValues } from "./system.ts";
import { toTime } from "./time.ts";

export const toApiKey = ({ key, organizationName, isActive }: KeyView): MessageInitShape<typeof ApiKeySchema> => ({
  id: key.id,
  name: key.name,
  organization: organizationName,
  role: roleValues[key.role],
  prefix: key.prefix,
  createdBy: key.createdBy,
  createTime: timestampFromDate(key.createdAt),
  expireTime: toTime(key.expiresAt),
  lastUseTime: toTime(key.lastUsedAt),
  lastUseAddress: key.lastUsedAddress,
  revokeTime: toTime(key.revokedAt),
  replacedBy: key.replacedBy ?? "",
  active: isActive,
});

/** The role that a validated request names. */
export function fromRole(value: RoleValue): Role {
  const found = keysOf(roleValues).find((role) => roleValues[role] === value);
  if (found !== undefined) return found;
  throw new WindlassError("internal", `the validated request names the role ${value}, which is none`);
}
