import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AuditQuery, AuditView } from "../../control/people/audit-log.ts";
import type { AuditEventSchema, AuditFilter } from "../../gen/windlass/v1/audit_service_pb.ts";
import { fromTime } from "./time.ts";

export const toAuditEvent = ({ event, organizationName }: AuditView): MessageInitShape<typeof AuditEventSchema> => ({
  id: event.id,
  time: timestampFromDate(event.at),
  actor: event.actor,
  action: event.action,
  resource: event.resource,
  organization: organizationName,
  detail: { ...event.detail },
  address: event.address,
});

/** What a request says of the records it wants. */
export const fromAuditFilter = (organization: string, filter: AuditFilter | undefined): AuditQuery => ({
  organization,
  action: filter?.action ?? "",
  actor: filter?.actor ?? "",
  resource: filter?.resource ?? "",
  since: fromTime(filter?.since),
  until: fromTime(filter?.until),
});
