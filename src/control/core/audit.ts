import type { Person } from "../../domain/people/principal.ts";
import { given } from "../../lib/values/records.ts";
import { type ApiKeyId, isId, type OrganizationId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";

export interface AuditEntry {
  readonly action: string;
  readonly resource: string;
  readonly organizationId: OrganizationId | null;
  readonly detail?: Readonly<Record<string, string>> | undefined;
  /** Where the agent is that made the system do it; a person's is known. */
  readonly address?: string | undefined;
}

/** How a person is named in records: the name they gave their key, and its id. */
export const actorOf = (person: Person): string => `${person.name} (${person.id})`;

/** The key that an actor stands for; undefined for what is no person. */
export function keyOfActor(actor: string): ApiKeyId | undefined {
  const id = /\((key_[^()]+)\)$/.exec(actor)?.[1] ?? "";
  return isId("key", id) ? id : undefined;
}

/** Records a change in the transaction that makes it. */
export async function record(
  tx: Queries,
  by: Person | "system",
  entry: AuditEntry & { readonly at: Date },
): Promise<void> {
  await tx.audit.insert(auditRow(by, entry));
}

/** The record of something that somebody did. */
export function auditRow(by: Person | "system", entry: AuditEntry & { readonly at: Date }) {
  const actor = by === "system" ? "system" : actorOf(by);
  const { at, action, resource, organizationId } = entry;
  const address = (by === "system" ? entry.address : by.address) ?? "";
  const detail = { ...entry.detail, ...(by === "system" ? {} : given({ browser_session: by.browserSessionId })) };
  return { at, actor, action, resource, organizationId, detail, address };
}
