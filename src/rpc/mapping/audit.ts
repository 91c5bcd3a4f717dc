import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AuditQuery, AuditView } from "../../control/people/audit-log.ts";
import type { AuditEventSchema, AuditFilter } from "../../gen/windlass/v1/audit_service_pb.ts";

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
export const auditQuery = (organization: string, filter: AuditFilter | undefined): AuditQuery => ({
  organization,
  action: filter?.action ?? "",
  actor: filter?.actor ?? "",
  resource: filter?.resource ?? "",
  since: instantOf(filter?.since),
  until: instantOf(filter?.until),
});

const instantOf = (time: Timestamp | undefined): Date | null => (time === undefined ? null : timestampDate(time));
