import type { OrganizationId } from "../lib/ids.ts";

/** One change that somebody made. Append-only. */
export interface AuditRecord {
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
}
