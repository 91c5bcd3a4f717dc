import type { ApiKeyId, OrganizationId } from "../../lib/words/ids.ts";

export type Role = "site_admin" | "owner" | "operator" | "planner" | "reader";

/** A credential of a person or of CI. */
export interface ApiKey {
  readonly id: ApiKeyId;
  /** Null for a site admin's key. */
  readonly organizationId: OrganizationId | null;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, in hex. Unique. */
  readonly hash: string;
  readonly prefix: string;
  /** Empty for the key of the first start. */
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Empty if it was never used. */
  readonly lastUsedAddress: string;
  readonly revokedAt: Date | null;
  /** The key that was made in its place. */
  readonly replacedBy: ApiKeyId | null;
}
