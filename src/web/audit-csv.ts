import type { Control } from "../control/core/control.ts";
import { invalid } from "../control/core/refusals.ts";
import { type AuditQuery, type AuditView, exportAuditEvents } from "../control/people/audit-log.ts";
import type { Person } from "../domain/people/principal.ts";
import { escapedJson } from "../lib/text/clean-text.ts";

const columns = ["time", "actor", "action", "resource", "organization", "address", "detail"] as const;

/**
 * The audit records that a query names (`organization`, `action`, `actor`, `resource`, `since`, `until`), oldest first, as CSV with a
 * line of names. Source: RFC 4180.
 */
export async function* auditCsv(
  control: Control,
  who: Person,
  query: URLSearchParams,
): AsyncGenerator<Uint8Array, void> {
  const events = exportAuditEvents(control, who, queryIn(query));
  let lines = [lineOf(columns)];
  for await (const view of events) {
    lines.push(lineOf(cellsOf(view)));
    if (lines.length < linesAtOnce) continue;
    yield Buffer.from(lines.join(""));
    lines = [];
  }
  yield Buffer.from(lines.join(""));
}

const linesAtOnce = 200;

const cellsOf = ({ event, organizationName }: AuditView): readonly string[] => [
  event.at.toISOString(),
  ...[event.actor, event.action, event.resource, organizationName, event.address],
  escapedJson(JSON.stringify(event.detail)),
];

const lineOf = (cells: readonly string[]): string => `${cells.map(cellOf).join(",")}\r\n`;

/** Spreadsheets take what begins so for a formula, whoever wrote it. */
const formula = /^[=+\-@\t\r]/;

const cellOf = (text: string): string => {
  const safe = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

function queryIn(query: URLSearchParams): AuditQuery {
  const text = (name: string) => query.get(name) ?? "";
  return {
    ...{ organization: text("organization"), action: text("action"), actor: text("actor"), resource: text("resource") },
    ...{ since: timeIn(query, "since"), until: timeIn(query, "until") },
  };
}

function timeIn(query: URLSearchParams, name: string): Date | null {
  const text = query.get(name);
  if (text === null || text === "") return null;
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(time.getTime())) {
    throw invalid(name, "expected a date or a time such as 2026-05-01T12:00:00Z");
  }
  return time;
}
