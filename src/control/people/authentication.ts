import { standingOf, tokenTitle } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { isEnded, type Job } from "../../domain/runs/job.ts";
import { isTooLate, owesSummary } from "../../domain/runs/late-summary.ts";
import { isId } from "../../lib/words/ids.ts";
import { hashToken, parseToken, sameHash, type TokenKind } from "../../lib/words/tokens.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { demandActiveToken, demandValid, invalidToken, unknownToken } from "../core/credentials.ts";
import { admitIdentity, identityIn } from "./identities.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

export interface AuthenticationOptions {
  /** SHA-256 of the secret of the agent inside this process, in hex; it changes with every start. */
  readonly serverAgentTokenHash?: string | undefined;
  /** Who vouches for identities; absent: they count for nothing. */
  readonly issuers?: IssuerKeys | undefined;
  /** Where the call comes from; empty in the same process. For display only. */
  readonly address?: string | undefined;
}

/** A credential's use is written down at most this often. */
export const touchEveryMs = 60_000;

/** Who the bearer of a token is. Throws `token_invalid`, `token_expired` or `token_revoked`, saying what to do. */
export async function authenticate(
  control: Control,
  bearerToken: string,
  { serverAgentTokenHash, issuers, address = "" }: AuthenticationOptions = {},
): Promise<Principal> {
  const credential = issuers === undefined ? undefined : identityIn(bearerToken);
  if (issuers !== undefined && credential !== undefined)
    return identityCaller(control, issuers, { credential, address });
  const kind = kindOf(bearerToken);
  const hash = hashToken(bearerToken);
  if (kind === "agt" && serverAgentTokenHash !== undefined && sameHash(hash, serverAgentTokenHash)) {
    return { kind: "server_agent" };
  }
  if (kind === "usr") return keyCaller(control, { hash, address });
  const now = control.clock.now();
  const { principal, touch } = await control.store.read((q) => lookUp(q, { kind, hash, now }));
  if (touch !== null) await recordUse(control, touch, { at: now, address });
  return principal;
}

async function identityCaller(
  control: Control,
  issuers: IssuerKeys,
  shown: Parameters<typeof admitIdentity>[2],
): Promise<Principal> {
  const { token, principal } = await admitIdentity(control, issuers, shown);
  const now = control.clock.now();
  if (isDue(token.lastUsedAt, now)) await recordUse(control, principal, { at: now, address: shown.address });
  return principal;
}

async function keyCaller(
  control: Control,
  { hash, address }: { readonly hash: string; readonly address: string },
): Promise<Person> {
  const now = control.clock.now();
  const key = demandActiveKey(await control.knownKeys.byHash(control.store, hash), now);
  const person = personWith(key, address);
  if (!isDue(key.lastUsedAt, now)) return person;
  await recordUse(control, person, { at: now, address });
  control.knownKeys.forget(key);
  return person;
}

const personWith = ({ id, name, role, organizationId }: ApiKey, address: string): Person => ({
  ...{ kind: "api_key", id, name, role, organizationId, address },
});

function kindOf(token: string): TokenKind {
  if (token === "") {
    throw invalidToken(
      "this call needs a credential: log in (windlass login), or send the header authorization: Bearer wdl_usr_…",
    );
  }
  const parsed = parseToken(token);
  switch (parsed.kind) {
    case "ok":
      return parsed.tokenKind;
    case "bad-checksum":
      throw invalidToken("the token has a wrong checksum: it was mistyped or cut off. Copy it again as a whole");
    case "malformed":
      if (token.startsWith("eyJ"))
        throw invalidToken(
          "an identity names the pool that it wants: expected ORGANIZATION/POOL/ and the token behind it",
        );
      throw invalidToken(
        "the credential is no Windlass token: expected wdl_usr_ (an API key) or wdl_agt_ (an agent token) and 37 characters more. Copy it again as a whole",
      );
  }
}

interface Credential {
  readonly kind: Exclude<TokenKind, "usr">;
  readonly hash: string;
  readonly now: Date;
}

interface Found {
  readonly principal: Principal;
  /** What to write its use to; null if that is not kept or was written a moment ago. */
  readonly touch: Principal | null;
}

async function lookUp(q: Queries, { kind, hash, now }: Credential): Promise<Found> {
  switch (kind) {
    case "agt":
      return agentToken(q, hash, now);
    case "ses":
      return agentSession(q, hash, now);
    case "job":
      return jobToken(q, hash, now);
    case "web":
      throw invalidToken("this is the cookie of a browser, which is no bearer token: use an API key (wdl_usr_…)");
  }
}

/** Whoever an API key stands for, if it is good now: for URLs that were made in its name. */
export async function personOfKey(
  { store, knownKeys, clock }: Pick<Control, "store" | "knownKeys" | "clock">,
  { keyId, address }: { readonly keyId: string; readonly address: string },
): Promise<Person> {
  const key = isId("key", keyId) ? await knownKeys.byId(store, keyId) : undefined;
  return personWith(demandActiveKey(key, clock.now()), address);
}

/** The key, if it is good now. */
export function demandActiveKey(key: ApiKey | undefined, now: Date): ApiKey {
  if (key === undefined) throw unknownToken("API key", "create a new one, or check the server's address");
  demandValid(key, { what: `the API key "${key.name}"`, advice: "log in with another one", now });
  return key;
}

async function agentToken(q: Queries, hash: string, now: Date): Promise<Found> {
  const token = demandActiveToken(await q.tokens.byHash(hash), now);
  const { id, poolId, organizationId } = token;
  const principal: Principal = { kind: "agent_token", id, poolId, organizationId };
  return { principal, touch: isDue(token.lastUsedAt, now) ? principal : null };
}

/** Without its agent token a session lives as long as something of the agent's jobs may still come: that is not lost. */
async function agentSession(q: Queries, hash: string, now: Date): Promise<Found> {
  const agent = await q.agents.bySessionToken(hash);
  if (agent === undefined) throw unknownToken("agent session", "register the agent again");
  const found: Found = { principal: { kind: "agent_session", agentId: agent.id }, touch: null };
  if (agent.tokenId === null) return found;
  const token = await q.tokens.get(agent.tokenId);
  if (token === undefined) throw unknownToken("agent session", "the token it registered with is gone");
  const hasOpenJobs = standingOf(token, now) !== "valid" && (await q.jobs.openOfAgent(agent.id)).length > 0;
  const what = `${tokenTitle(token)} of this session`;
  if (!hasOpenJobs) demandValid(token, { what, advice: "register with another one", now });
  return found;
}

async function jobToken(q: Queries, hash: string, now: Date): Promise<Found> {
  const job = await q.jobs.byTokenHash(hash);
  if (job === undefined) throw unknownToken("job token", "the job was offered again since, or was deleted");
  if (isEnded(job.status) && job.isLogClosed && !(await isAwaited(q, job, now)))
    throw unknownToken("job token", "the job has ended");
  return { principal: { kind: "job", jobId: job.id, epoch: job.epoch }, touch: null };
}

/** Whether the summary of a plan that has ended may still come. */
async function isAwaited(q: Queries, job: Job, now: Date): Promise<boolean> {
  const run = isTooLate(job, now) ? undefined : await q.runs.get(job.runId);
  return run !== undefined && owesSummary(job, run);
}

const isDue = (lastUsedAt: Date | null, now: Date): boolean =>
  lastUsedAt === null || now.getTime() - lastUsedAt.getTime() >= touchEveryMs;

/** Writes that a credential was used. A call does not fail because that could not be written. */
async function recordUse(
  { store, log }: Control,
  principal: Principal,
  { at, address }: { readonly at: Date; readonly address: string },
): Promise<void> {
  const use = { at, address, ifBefore: new Date(at.getTime() - touchEveryMs) };
  try {
    await store.step(async (tx) => {
      if (principal.kind === "api_key") await tx.apiKeys.touch(principal.id, use);
      if (principal.kind === "agent_token") await tx.tokens.touch(principal.id, use);
    });
  } catch (err) {
    log.warn({ err }, "the use of a credential could not be written down");
  }
}
