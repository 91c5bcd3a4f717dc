import type { OrganizationId } from "../../lib/words/ids.ts";

/** One change that somebody made. Append-only. */
export interface AuditRecord {
  /** Null for what belongs to the site. */
  readonly organizationId: OrganizationId | null;
  readonly at: Date;
  /** Name and id of the credential, or `system`. */
  readonly actor: string;
  /** For example `pool.create`. */
  readonly action: string;
  /** Id of what changed. */
  readonly resource: string;
  /** Facts for people; never secrets. */
  readonly detail: Readonly<Record<string, string>>;
  /** Where the call came from that did it, as far as that is known; empty for what no call did. */
  readonly address: string;
}

/** A record as it is kept. */
export interface AuditEvent extends AuditRecord {
  readonly id: string;
}

/** Which records are wanted; what is empty or null leaves none out. */
export interface AuditFilter {
  /** Null: of every organization, and of the site. */
  readonly organizationId: OrganizationId | null;
  /** How the action begins. */
  readonly action: string;
  /** What the actor contains. */
  readonly actor: string;
  readonly resource: string;
  /** Of this instant or later. */
  readonly since: Date | null;
  /** Before this instant. */
  readonly until: Date | null;
}
