import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";

/** What the URL says of which records are shown; times as a datetime-local field has them; empty is all. */
export interface AuditFilterText {
  readonly action: string;
  readonly actor: string;
  readonly resource: string;
  readonly since: string;
  readonly until: string;
}

const dateOfText = (text: string): Date | undefined => {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? undefined : date;
};

const stampOf = (text: string): Timestamp | undefined => {
  const date = dateOfText(text);
  return date === undefined ? undefined : timestampFromDate(date);
};

interface AuditRequest {
  readonly action: string;
  readonly actor: string;
  readonly resource: string;
  readonly since?: Timestamp;
  readonly until?: Timestamp;
}

export function auditRequest({ action, actor, resource, since, until }: AuditFilterText): AuditRequest {
  const from = stampOf(since);
  const to = stampOf(until);
  return {
    action,
    actor,
    resource,
    ...(from === undefined ? {} : { since: from }),
    ...(to === undefined ? {} : { until: to }),
  };
}

const given = (filter: AuditFilterText): readonly (readonly [string, string])[] => {
  const { action, actor, resource } = filter;
  const times = [["since", filter.since] as const, ["until", filter.until] as const].map(
    ([name, text]) => [name, dateOfText(text)?.toISOString() ?? ""] as const,
  );
  return [["action", action] as const, ["actor", actor] as const, ["resource", resource] as const, ...times].filter(
    ([, value]) => value !== "",
  );
};

/** Where the server gives the same as a file. */
export const csvAddress = (organization: string, filter: AuditFilterText): string =>
  `/download/audit.csv?${new URLSearchParams([["organization", organization], ...given(filter).map(([name, value]) => [name, value])])}`;

export const auditCommand = (filter: AuditFilterText): string =>
  `windlass audit list${given(filter)
    .map(([flag, value]) => ` --${flag} ${shellWord(value)}`)
    .join("")}`;
