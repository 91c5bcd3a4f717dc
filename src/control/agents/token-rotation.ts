import { type AgentToken, standingOf } from "../../domain/agents/token.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { given } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asPerson, demand } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { endOf } from "../core/lifetimes.ts";
import { findToken, mintAgentToken, type TokenView, viewToken } from "./tokens.ts";

export interface TokenRotation {
  readonly id: string;
  /** How long the old token goes on; null is the default (one hour), 0 ends it at once. */
  readonly overlapMs: number | null;
  /** How long the new one is good for; null is as long as the old one was, 0 is for ever. */
  readonly expiresInMs: number | null;
}

export interface RotatedToken {
  readonly made: TokenView;
  readonly secret: string;
  readonly replaced: TokenView;
}

const defaultOverlapMs = 3_600_000;

/** Makes a token in the place of another one, which ends after the overlap and never later than it would have. */
export async function rotateAgentToken(
  control: Control,
  who: Principal,
  { id, overlapMs, expiresInMs }: TokenRotation,
): Promise<RotatedToken> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const old = await findToken(tx, person, id);
    demand(person, "operate");
    demandRotatable(old, { now: at.now, pool: (await tx.pools.get(old.poolId))?.name });
    const { organizationId, poolId, description } = old;
    const expiresAt = endOf(at.now, expiresInMs ?? lifetimeMsOf(old));
    const by = { createdBy: actorOf(person), createdAt: at.now };
    const made = mintAgentToken(control.random, { organizationId, poolId, description, expiresAt, ...by });
    const replaced: AgentToken = {
      ...old,
      replacedBy: made.token.id,
      expiresAt: earlier(old.expiresAt, new Date(at.now.getTime() + (overlapMs ?? defaultOverlapMs))),
    };
    await tx.tokens.insert(made.token);
    await tx.tokens.save(replaced);
    for (const agent of await tx.agents.ofToken(old.id)) at.touched.add(topics.agent(agent.id));
    const detail = { prefix: old.prefix, replaced_by: made.token.id, ends: replaced.expiresAt?.toISOString() ?? "" };
    await record(tx, person, { action: "token.rotate", resource: old.id, organizationId, detail, at: at.now });
    return {
      made: await viewToken(tx, made.token, at.now),
      secret: made.secret,
      replaced: await viewToken(tx, replaced, at.now),
    };
  });
}

const lifetimeMsOf = ({ expiresAt, createdAt }: AgentToken): number =>
  expiresAt === null ? 0 : expiresAt.getTime() - createdAt.getTime();

const earlier = (a: Date | null, b: Date): Date => (a !== null && a < b ? a : b);

function demandRotatable(
  token: AgentToken,
  { now, pool = "" }: { readonly now: Date; readonly pool: string | undefined },
): void {
  const standing = standingOf(token, now);
  const why =
    standing === "revoked"
      ? "was revoked"
      : standing === "expired"
        ? "has expired"
        : token.replacedBy !== null
          ? `was replaced by ${token.replacedBy}`
          : token.trust !== null
            ? "is a trust, which has no secret"
            : undefined;
  if (why === undefined) return;
  throw new WindlassError(
    "not_rotatable",
    `the agent token ${token.id}${token.trust === null ? ` (${token.prefix}…)` : ""} ${why}: create a new one`,
    {
      metadata: { resource: "agent token", id: token.id, ...given({ pool: pool || undefined }) },
    },
  );
}
