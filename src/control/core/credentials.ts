import { type AgentToken, standingOf, tokenTitle } from "../../domain/agents/token.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** The refusal of what is no credential, or nobody's. */
export const invalidToken = (message: string): WindlassError => new WindlassError("token_invalid", message);

/** The agent token, if it is good now. */
export function demandActiveToken(token: AgentToken | undefined, now: Date): AgentToken {
  const advice = "create a new one (windlass token create) and start the agent with it";
  if (token === undefined) throw unknownToken("agent token", advice);
  demandValid(token, { what: tokenTitle(token), advice, now });
  return token;
}

/** The refusal of a credential that is in no row. */
export const unknownToken = (what: string, advice: string) =>
  invalidToken(`this server knows no such ${what}: ${advice}`);

interface Described {
  readonly what: string;
  readonly advice: string;
  readonly now: Date;
}

/** Refuses a credential that was revoked or has expired, and says what to do. */
export function demandValid(
  credential: { readonly id: string; readonly expiresAt: Date | null; readonly revokedAt: Date | null },
  { what, advice, now }: Described,
): void {
  const { id, expiresAt, revokedAt } = credential;
  const standing = standingOf(credential, now);
  if (standing === "revoked") throw revoked(id, revokedAt ?? now, what, advice);
  if (standing === "valid") return;
  const at = expiresAt?.toISOString() ?? "";
  throw new WindlassError("token_expired", `${what} expired at ${at}: ${advice}`, { metadata: { token_id: id, at } });
}

function revoked(id: string, when: Date, what: string, advice: string): WindlassError {
  const at = when.toISOString();
  return new WindlassError("token_revoked", `${what} was revoked at ${at}: ${advice}`, {
    metadata: { token_id: id, at },
  });
}
