import type { JWTVerifyOptions } from "jose";
import type { AgentToken } from "../../domain/agents/token.ts";
import { claimsProblem, type IdentityTrust } from "../../domain/agents/trust.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { invalidToken } from "../core/credentials.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

/** What an agent without a token of ours shows: the pool that it wants, and who it is. */
export interface IdentityCredential {
  readonly organization: string;
  readonly pool: string;
  readonly jwt: string;
}

/** Reads `ORGANIZATION/POOL/JWT`; undefined for what is none. */
export function identityIn(credential: string): IdentityCredential | undefined {
  const [, organization, pool, jwt] = /^([^/\s]+)\/([^/\s]+)\/([\w-]+\.[\w-]+\.[\w-]*)$/.exec(credential) ?? [];
  return organization === undefined || pool === undefined || jwt === undefined
    ? undefined
    : { organization, pool, jwt };
}

/** Signatures by keys that nobody but the issuer has. With HS256 its public key would be a password. */
const algorithms = ["RS256", "ES256"];
/** How far clocks may be apart. */
const toleranceS = 30;
/** What is good for longer is a secret like any other. */
const longestS = 24 * 3_600;
const mostTrusts = 100;

/** The trust that takes an identity, as an agent token. */
export interface AdmittedIdentity {
  readonly token: AgentToken;
  readonly principal: Extract<Principal, { kind: "agent_token" }>;
}

type Checked =
  | { readonly kind: "good"; readonly subject: string }
  /** What the issuer did not sign is nobody's, and nobody is told why. */
  | { readonly kind: "unsigned" | "unfit"; readonly why: string };

/**
 * Who shows an identity: an agent of the pool, if one of the pool's trusts takes it. Throws `token_invalid`, and
 * `issuer_unavailable` if nobody can tell. Whoever has no token that the issuer signed learns neither whether there is such a pool
 * nor whom it trusts.
 */
export async function admitIdentity(
  control: Control,
  keys: IssuerKeys,
  { credential, address }: { readonly credential: IdentityCredential; readonly address: string },
): Promise<AdmittedIdentity> {
  const { organization, pool, jwt } = credential;
  const issuer = await issuerIn(jwt);
  const trusts = (await control.store.read((q) => trustsOf(q, credential, control.clock.now()))).filter(
    ({ trust }) => trust?.issuer === issuer,
  );
  const refusals: Exclude<Checked, { kind: "good" }>[] = [];
  for (const token of trusts) {
    const { id, poolId, organizationId, trust } = token;
    if (trust === null) continue;
    const checked = await checkIdentity(trust, jwt, { keys, now: control.clock.now() });
    if (checked.kind === "good") {
      return { token, principal: { kind: "agent_token", id, poolId, organizationId, identity: checked.subject } };
    }
    refusals.push(checked);
  }
  const told = refusals.find(({ kind }) => kind === "unfit");
  const why = told?.why ?? refusals[0]?.why ?? "the pool is not there, or trusts no such issuer";
  control.log.warn({ organization, pool, issuer, why, address }, "an identity was refused");
  throw invalidToken(
    `the pool ${organization}/${pool} takes no such identity${told === undefined ? "" : `: ${told.why}`}. See its trusts: windlass trust list --pool ${pool}`,
  );
}

/** Before anything is proven: only to find who could prove it. */
async function issuerIn(jwt: string): Promise<string> {
  const { decodeJwt } = await import("jose");
  try {
    return decodeJwt(jwt).iss ?? "";
  } catch {
    return "";
  }
}

async function trustsOf(
  q: Queries,
  { organization: reference, pool: name }: IdentityCredential,
  validAt: Date,
): Promise<readonly AgentToken[]> {
  const organization = await (isId("org", reference)
    ? q.organizations.get(reference)
    : q.organizations.byName(reference));
  if (organization === undefined) return [];
  const pool = await (isId("apool", name) ? q.pools.get(name) : q.pools.byName(organization.id, name));
  if (pool === undefined || pool.organizationId !== organization.id) return [];
  const filter = { organizationId: organization.id, poolId: pool.id, validAt, onlyTrusts: true };
  return q.tokens.list(filter, { before: null, limit: mostTrusts });
}

interface Means {
  readonly keys: IssuerKeys;
  readonly now: Date;
}

async function checkIdentity(trust: IdentityTrust, jwt: string, { keys, now }: Means): Promise<Checked> {
  const known = await keys.of(trust);
  const first = await verify(trust, jwt, { known, now });
  if (first !== undefined) return first;
  const fresh = await keys.of(trust, true);
  return (
    (fresh === known ? undefined : await verify(trust, jwt, { known: fresh, now })) ?? {
      ...{ kind: "unsigned", why: "its issuer has no such key (kid)" },
    }
  );
}

/** Undefined if none of the keys is the one that it names. */
async function verify(
  trust: IdentityTrust,
  jwt: string,
  { known, now }: { readonly known: readonly object[]; readonly now: Date },
): Promise<Checked | undefined> {
  const jose = await import("jose");
  const options: JWTVerifyOptions = {
    ...{ algorithms, issuer: trust.issuer, audience: trust.audience, clockTolerance: toleranceS },
    ...{ requiredClaims: ["exp", "sub", "aud"], currentDate: now },
  };
  try {
    const { payload } = await jose.jwtVerify(jwt, jose.createLocalJWKSet({ keys: [...known] }), options);
    return judge(trust, payload, now);
  } catch (error) {
    if (error instanceof jose.errors.JWKSNoMatchingKey) return undefined;
    if (error instanceof jose.errors.JWTExpired || error instanceof jose.errors.JWTClaimValidationFailed)
      return { kind: "unfit", why: unfitText(error.claim, error.message, trust) };
    if (error instanceof jose.errors.JOSEError || error instanceof TypeError)
      return { kind: "unsigned", why: error.message };
    throw error;
  }
}

function judge(trust: IdentityTrust, payload: Readonly<Record<string, unknown>>, now: Date): Checked {
  const { exp, sub } = payload;
  if (Number(exp) - now.getTime() / 1_000 > longestS + toleranceS)
    return { kind: "unfit", why: "it is good for more than a day: ask the issuer for one that ends sooner" };
  const why = claimsProblem(trust, payload);
  return why === undefined && typeof sub === "string"
    ? { kind: "good", subject: sub }
    : { kind: "unfit", why: why ?? "" };
}

function unfitText(claim: string, message: string, { audience }: IdentityTrust): string {
  switch (claim) {
    case "aud":
      return `it is meant for somebody else (aud): expected ${audience}`;
    case "exp":
      return /timestamp check/.test(message) ? "it has expired (exp)" : "it says not until when it is good (exp)";
    case "nbf":
      return "it is not good yet (nbf): compare the clocks";
    default:
      return `its claim ${claim} is not good`;
  }
}
