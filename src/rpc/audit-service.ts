import type { ServiceImpl } from "@connectrpc/connect";
import { exportAuditEvents, listAuditEvents } from "../control/audit-log.ts";
import type { Control } from "../control/control.ts";
import type { AuditService } from "../gen/windlass/v1/audit_service_pb.ts";
import { AuditEventSchema } from "../gen/windlass/v1/audit_service_pb.ts";
import { callerOf } from "./caller.ts";
import { auditQuery, toAuditEvent } from "./mapping/audit.ts";
import { pageMessages, pageOf } from "./mapping/page.ts";

/** Reads the record of every change. */
export const auditService = (control: Control): ServiceImpl<typeof AuditService> => ({
  listAuditEvents: async (request, context) => {
    const query = auditQuery(request.organization, request.filter);
    const page = await listAuditEvents(control, callerOf(context), { query, page: pageOf(request) });
    const { messages: events, nextPageToken } = pageMessages(page, AuditEventSchema, toAuditEvent);
    return { events, nextPageToken };
  },
  async *exportAuditEvents({ organization, filter }, context) {
    const events = exportAuditEvents(control, callerOf(context), auditQuery(organization, filter));
    for await (const view of events) {
      if (context.signal.aborted) return;
      yield { event: toAuditEvent(view) };
    }
  },
});
