import type { AgentTokenId, OrganizationId, PoolId } from "../lib/ids.ts";

/** Admits agents to exactly one pool. Only its hash is kept. */
export interface AgentToken {
  readonly id: AgentTokenId;
  readonly organizationId: OrganizationId;
  readonly poolId: PoolId;
  readonly description: string;
  /** SHA-256 of the secret, in hex. Unique. */
  readonly hash: string;
  /** First characters of the secret, for people. */
  readonly prefix: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Empty if it was never used. */
  readonly lastUsedAddress: string;
  readonly revokedAt: Date | null;
  /** The token that was made in its place. */
  readonly replacedBy: AgentTokenId | null;
  /** True if revoking it also ended the jobs of its agents. */
  readonly isStopping: boolean;
}

/** Whether a credential can be used now. */
export type Standing = "valid" | "expired" | "revoked";

/** Revoked wins over expired, so that an operator reads what somebody did. */
export function standingOf(
  credential: { readonly expiresAt: Date | null; readonly revokedAt: Date | null },
  now: Date,
): Standing {
  if (credential.revokedAt !== null && credential.revokedAt <= now) return "revoked";
  if (credential.expiresAt !== null && credential.expiresAt <= now) return "expired";
  return "valid";
}
