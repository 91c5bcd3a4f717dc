import type { AgentTokenId, OrganizationId, PoolId } from "../../lib/words/ids.ts";
import type { IdentityTrust } from "./trust.ts";

/** Admits agents to exactly one pool. Only its hash is kept; a trust has one that no secret fits. */
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
  /** Whose identities it admits; null: whoever has the secret. */
  readonly trust: IdentityTrust | null;
}

/** Names one in a sentence. */
export const tokenTitle = ({ id, prefix, trust }: Pick<AgentToken, "id" | "prefix" | "trust">): string =>
  trust === null ? `the agent token ${prefix}…` : `the trust ${id} in ${trust.issuer}`;

/** How long before its end a credential is worth a word. */
const soonMs = 14 * 24 * 3600 * 1000;

/** The time in which something has to end to be spoken of: two weeks from now. */
export const soon = (now: Date): { readonly after: Date; readonly until: Date } => ({
  after: now,
  until: new Date(now.getTime() + soonMs),
});

/** True in the two weeks before a credential ends. */
export function endsSoon(expiresAt: Date | null, now: Date): expiresAt is Date {
  const { after, until } = soon(now);
  return expiresAt !== null && expiresAt > after && expiresAt <= until;
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
