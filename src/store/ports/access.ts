import type { ApiKey } from "../../domain/people/api-key.ts";
import type { AuditEvent, AuditFilter, AuditRecord } from "../../domain/people/audit.ts";
import type { BrowserSession } from "../../domain/people/browser-session.ts";
import type { OrganizationStats } from "../../domain/people/stats.ts";
import type { ApiKeyId, OrganizationId } from "../../lib/words/ids.ts";
import type { CredentialUse, Position, TimePage } from "./pages.ts";

/** A page oldest first: rows after (`at`, `id`) in that order and up to another place, at most `limit`. */
export interface LaterPage {
  readonly after: Position | null;
  /** The last place that is looked at; absent or null is the end. */
  readonly upTo?: Position | null;
  readonly limit: number;
}

/** Records of one organization, or with null all of them, of some time. */
export type AuditSpan = Pick<AuditFilter, "organizationId" | "since" | "until">;

/** The record of every change. */
export interface AuditQueries {
  insert(record: AuditRecord): Promise<void>;
  get(id: string): Promise<AuditEvent | undefined>;
  /** Inserts or overwrites: for a record that counts what would be many. */
  put(event: AuditEvent): Promise<void>;
  countBefore(at: Date): Promise<number>;
  /** Deletes records from before `at`, the oldest first, at most `limit`; answers how many. */
  deleteBefore(at: Date, limit: number): Promise<number>;
  /** Newest first by (at, id). */
  list(filter: AuditFilter, page: TimePage): Promise<readonly AuditEvent[]>;
  /** The place of the record that stands `rows` further on in a span, newest first; null if there are fewer. */
  placeAfter(
    span: AuditSpan,
    page: { readonly before: Position | null; readonly rows: number },
  ): Promise<Position | null>;
  /** The same, oldest first. */
  placeForward(
    span: AuditSpan,
    page: { readonly after: Position | null; readonly rows: number },
  ): Promise<Position | null>;
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

/** Browsers in which somebody is signed in, and those that are not deleted yet. */
export interface BrowserSessionQueries {
  get(id: string): Promise<BrowserSession | undefined>;
  byHash(hash: string): Promise<BrowserSession | undefined>;
  /** Newest first; those of a key that end after `at`. */
  list(apiKeyId: ApiKeyId, at: Date, page: TimePage): Promise<readonly BrowserSession[]>;
  /** All of a key, the one first that was not used for longest. */
  ofKey(apiKeyId: ApiKeyId): Promise<readonly BrowserSession[]>;
  insert(session: BrowserSession): Promise<void>;
  touch(id: string, use: CredentialUse & Pick<BrowserSession, "endsAt">): Promise<void>;
  delete(id: string): Promise<void>;
  /** Answers how many a key had. */
  deleteOfKey(apiKeyId: ApiKeyId): Promise<number>;
  countEnded(at: Date): Promise<number>;
  /** Deletes those that ended by `at`, the oldest first, at most `limit`; answers how many. */
  deleteEnded(at: Date, limit: number): Promise<number>;
}

/** Numbers for start pages. */
export interface StatsQueries {
  ofOrganization(id: OrganizationId): Promise<OrganizationStats>;
}
