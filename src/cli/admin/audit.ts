import { create } from "@bufbuild/protobuf";
import {
  type AuditEvent,
  AuditEventSchema,
  type AuditFilter,
  AuditFilterSchema,
  AuditService,
  ListAuditEventsResponseSchema,
} from "../../gen/windlass/v1/audit_service_pb.ts";
import { text } from "../line/flags.ts";
import { type Instant, instant, timestampOf } from "../line/instants.ts";
import { type Command, command } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { timeText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";

const nameOf = ({ id }: AuditEvent): string => `audit/${id}`;

const detailText = ({ detail }: AuditEvent): string =>
  Object.entries(detail)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

export const auditColumns: readonly Column<AuditEvent>[] = [
  { name: "TIME", drop: 2, value: ({ time }) => timeText(time) },
  { name: "ACTOR", value: ({ actor }) => actor },
  { name: "ACTION", value: ({ action }) => action },
  { name: "RESOURCE", value: ({ resource }) => resource },
  { name: "DETAIL", drop: 1, value: detailText },
  { name: "ADDRESS", isWide: true, value: ({ address }) => address },
  { name: "ORG", isWide: true, value: ({ organization }) => organization },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

const filterFlags = {
  action: text("only actions that begin so, such as pool. or run.cancel", { placeholder: "ACTION" }),
  actor: text("only actors that contain this", { placeholder: "TEXT" }),
  resource: text("only changes of this id", { placeholder: "ID" }),
  since: instant("only changes since: a date, or how long ago"),
  until: instant("only changes before: a date, or how long ago"),
};

interface FilterValues {
  readonly action: string | undefined;
  readonly actor: string | undefined;
  readonly resource: string | undefined;
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
}

const filterOf = ({ action, actor, resource, since, until }: FilterValues, now: Date): AuditFilter =>
  create(AuditFilterSchema, {
    action: action ?? "",
    actor: actor ?? "",
    resource: resource ?? "",
    since: since === undefined ? undefined : timestampOf(since, now),
    until: until === undefined ? undefined : timestampOf(until, now),
  });

const list = command({
  name: "list",
  summary: "List who changed what, newest first (owners and site admins)",
  examples: [
    "windlass audit list --since 24h",
    "windlass audit list --action run. --actor ana",
    "windlass audit list --resource ws_…",
  ],
  flags: { ...filterFlags, ...listFlags(auditColumns) },
  run: async (context, { flags }) => {
    const client = await context.client(AuditService);
    const scope = { organization: await context.organization(), filter: filterOf(flags, context.io.clock.now()) };
    const { rows: events, nextPageToken } = await fetchRows(context, { ...flags, isHistory: true }, async (page) => {
      const answer = await client.listAuditEvents({ ...scope, ...page });
      return { rows: answer.events, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAuditEventsResponseSchema, { events, nextPageToken });
    const shown = { schema: ListAuditEventsResponseSchema, message, item: AuditEventSchema };
    await context.printer.list({ ...shown, rows: events, name: nameOf, columns: auditColumns }, flags);
    return undefined;
  },
});

const exportEvents = command({
  name: "export",
  summary: "Print every change as JSON, one a line, oldest first (owners and site admins)",
  examples: ["windlass audit export > audit.jsonl", "windlass audit export --since 2026-01-01 --until 2026-02-01"],
  flags: filterFlags,
  formats: ["table", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    const client = await context.client(AuditService);
    const wanted = { organization: await context.organization(), filter: filterOf(flags, context.io.clock.now()) };
    const { signal } = context.io;
    let count = 0;
    for await (const { event } of client.exportAuditEvents(wanted, { signal })) {
      if (event === undefined) continue;
      await context.printer.event(AuditEventSchema, event);
      count += 1;
    }
    context.notes.say(`${count} ${count === 1 ? "change" : "changes"}`);
    return undefined;
  },
});

/** Every verb of `windlass audit`. */
export const auditCommands: readonly Command[] = [list, exportEvents];
