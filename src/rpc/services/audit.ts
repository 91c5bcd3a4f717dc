import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { exportAuditEvents, listAuditEvents } from "../../control/people/audit-log.ts";
import {
  AuditEventSchema,
  type AuditService,
  type ExportAuditEventsResponseSchema,
} from "../../gen/windlass/v1/audit_service_pb.ts";
import { mapItems } from "../../lib/async/streams.ts";
import { callerOf } from "../calls/caller.ts";
import { fromAuditFilter, toAuditEvent } from "../mapping/audit.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { withSigns } from "../streams/signs-of-life.ts";

type Exported = MessageInitShape<typeof ExportAuditEventsResponseSchema>;

/** Reads the record of every change. */
export const auditService = (control: Control): ServiceImpl<typeof AuditService> => ({
  listAuditEvents: async (request, context) => {
    const query = fromAuditFilter(request.organization, request.filter);
    const page = await listAuditEvents(control, callerOf(context), { query, page: fromPage(request) });
    const { messages: events, nextPageToken } = toPage(page, AuditEventSchema, toAuditEvent);
    return { events, nextPageToken };
  },
  async *exportAuditEvents({ organization, filter }, context) {
    const events = exportAuditEvents(control, callerOf(context), fromAuditFilter(organization, filter));
    const messages = mapItems(events, (view): Exported => ({ event: toAuditEvent(view) }));
    for await (const message of withSigns(messages, { clock: control.clock, sign: () => ({}) })) {
      if (context.signal.aborted) return;
      yield message;
    }
  },
});
