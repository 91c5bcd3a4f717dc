import type { ApiKey } from "../domain/api-key.ts";
import type { AuditEvent, AuditFilter, AuditRecord } from "../domain/audit.ts";
import type { OrganizationStats } from "../domain/stats.ts";
import type { ApiKeyId, OrganizationId } from "../lib/ids.ts";
import type { TimePage } from "./ports.ts";

/** When and from where a credential was used; nothing is written if a use after `ifBefore` is already known. */
export interface CredentialUse {
  readonly at: Date;
  readonly ifBefore: Date;
  readonly address: string;
}

/** A page oldest first: rows after (`at`, `id`) in that order, at most `limit`. */
export interface LaterPage {
  readonly after: { readonly at: Date; readonly id: string } | null;
  readonly limit: number;
}

/** The record of every change. */
export interface AuditQueries {
  insert(record: AuditRecord): Promise<void>;
  /** Newest first by (at, id). */
  list(filter: AuditFilter, page: TimePage): Promise<readonly AuditEvent[]>;
  /** Oldest first by (at, id). */
  listForward(filter: AuditFilter, page: LaterPage): Promise<readonly AuditEvent[]>;
}

/** Credentials of people and CI. */
export interface ApiKeyQueries {
  get(id: ApiKeyId): Promise<ApiKey | undefined>;
  byHash(hash: string): Promise<ApiKey | undefined>;
  /** Newest first; of one organization, or with null all of them, those of site admins included. */
  list(organizationId: OrganizationId | null, page: TimePage): Promise<readonly ApiKey[]>;
  /** How many keys of site admins never expire and are not revoked, this one not counted. */
  countLastingAdmins(except: ApiKeyId): Promise<number>;
  insert(key: ApiKey): Promise<void>;
  save(key: ApiKey): Promise<void>;
  touch(id: ApiKeyId, use: CredentialUse): Promise<void>;
}

/** Numbers for start pages. */
export interface StatsQueries {
  ofOrganization(id: OrganizationId): Promise<OrganizationStats>;
}
