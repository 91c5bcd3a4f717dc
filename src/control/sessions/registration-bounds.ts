import type { Agent } from "../../domain/agents/agent.ts";
import { given } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { AgentTokenId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";
import type { Control } from "../core/control.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Jitter is the agents' own: they add it to what they are told. */
const retryAfterMs = 10_000;

/**
 * Bounds what one agent token can bring: how many new agents within a minute, and how many rows in all. Of these, the
 * ones that left or were lost longest ago make room; refused is only who finds all the others connected.
 */
export async function makeRoom(
  tx: Queries,
  { limits }: Pick<Control, "limits">,
  { tokenId, now }: { readonly tokenId: AgentTokenId; readonly now: Date },
): Promise<void> {
  const { maxAgentsPerToken, registrationsPerMinute } = limits;
  const { all, recent } = await tx.agents.countOfToken(tokenId, new Date(now.getTime() - minuteMs));
  if (registrationsPerMinute > 0 && recent >= registrationsPerMinute) throw tooFast(registrationsPerMinute);
  if (maxAgentsPerToken === 0 || all < maxAgentsPerToken) return;
  const surplus = all - maxAgentsPerToken + 1;
  const gone = await tx.agents.goneOfToken(tokenId, Math.min(surplus, mostAtOnce));
  if (gone.length === 0) throw tooMany(maxAgentsPerToken);
  for (const { id } of gone) await tx.agents.delete(id);
}

/** After the limit was lowered, what is too much goes over some registrations. */
const mostAtOnce = 20;

const tooFast = (limit: number) =>
  new WindlassError(
    "rate_limited",
    `this agent token has registered ${limit} new agents within a minute: wait, then try again (windlassd --registration-rate). Agents that keep their data directory are not new`,
    { metadata: { limit: "registration-rate" }, retryAfterMs },
  );

const tooMany = (limit: number) =>
  new WindlassError(
    "agent_limit_reached",
    `this agent token has ${limit} agents, all of them connected or busy: stop one, use another token, or raise windlassd --max-agents-per-token`,
    { metadata: { limit: String(limit) }, retryAfterMs: minuteMs },
  );

/**
 * One record for all agents that a token registers within an hour: how many they are, and which was the last. A
 * container that is started over and over again is a new agent each time.
 */
export async function recordRegistration(
  tx: Queries,
  agent: Agent,
  { now, identity }: { readonly now: Date; readonly identity: string | undefined },
): Promise<void> {
  const { name, address, tokenId, organizationId } = agent;
  const action = "agent.register";
  if (tokenId === null)
    return record(tx, "system", {
      at: now,
      action,
      resource: agent.id,
      organizationId,
      address,
      detail: { name, address },
    });
  const hour = new Date(now.getTime() - (now.getTime() % hourMs)).toISOString();
  const id = `${action}/${tokenId}/${hour}`;
  const known = await tx.audit.get(id);
  const agents = Number(known?.detail.agents ?? 0) + 1;
  const last = { last_id: agent.id, name, address, last_at: now.toISOString(), ...given({ identity }) };
  const detail = { agents: String(agents), ...last };
  const at = known?.at ?? now;
  await tx.audit.put({ id, at, actor: "system", action, resource: tokenId, organizationId, detail, address });
}
