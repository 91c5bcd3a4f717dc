import { isPrivateKey, issuerDocument, keysOf } from "../../domain/agents/key-set.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import { type IdentityTrust, isLocalIssuer, issuerProblem, subjectProblem } from "../../domain/agents/trust.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import { certificateProblem, holdsPrivateKey } from "../../lib/net/pem.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findPool } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { endOf } from "../core/lifetimes.ts";
import { demandText, invalid } from "../core/refusals.ts";
import { once } from "../core/requests.ts";
import { findToken, mintAgentToken, type NewToken, type TokenView, viewToken } from "./tokens.ts";

export interface NewTrust extends NewToken {
  /** An empty audience is the server's public URL. */
  readonly trust: IdentityTrust;
}

const maxDescriptionLength = 256;
/** Trusts of one pool that nobody has revoked: each of an issuer costs a check of a signature. */
const mostTrusts = 50;

/**
 * Lets identities of an issuer register agents of a pool. It is a token whose secret nobody has: what holds for tokens, holds for it.
 * Without a time it is good for ever.
 */
export async function createIdentityTrust(
  control: Control,
  who: Principal,
  { requestId = "", ...body }: NewTrust,
): Promise<TokenView> {
  const person = asPerson(who);
  return change(control, async (tx, at) => {
    const pool = await findPool(tx, person, body.pool);
    demand(person, "operate");
    demandText("description", body.description, maxDescriptionLength);
    const trust = { ...body.trust, audience: body.trust.audience || (control.web?.publicUrl ?? "") };
    demandTrust(person, trust);
    const create = async (): Promise<AgentToken> => {
      await demandRoom(tx, pool);
      const { organizationId, id: poolId } = pool;
      const { description } = body;
      const expiresAt = endOf(at.now, body.expiresInMs ?? 0);
      const by = { createdBy: actorOf(person), createdAt: at.now };
      const minted = mintAgentToken(control.random, { organizationId, poolId, description, expiresAt, ...by });
      const token: AgentToken = { ...minted.token, prefix: "", trust };
      await tx.tokens.insert(token);
      await record(tx, person, {
        ...{ action: "trust.create", resource: token.id, organizationId, at: at.now },
        detail: { ...wordsOf(trust), pool: pool.name, description, expires: expiresAt?.toISOString() ?? "never" },
      });
      return token;
    };
    const request = { person, requestId, method: "CreateIdentityTrust", body, at: at.now };
    const token = await once(tx, request, create, (id) => findToken(tx, person, id));
    return viewToken(tx, token, at.now);
  });
}

const wordsOf = ({ issuer, audience, subjects, claims }: IdentityTrust) => ({
  ...{ issuer, audience, subjects: subjects.join(", ") },
  claims: Object.entries(claims)
    .map(([name, value]) => `${name}=${value}`)
    .join(", "),
});

async function demandRoom(
  tx: Queries,
  {
    id: poolId,
    organizationId,
    name,
  }: Pick<AgentToken, "organizationId"> & { readonly id: AgentToken["poolId"]; readonly name: string },
): Promise<void> {
  const filter = { organizationId, poolId, onlyTrusts: true };
  const trusts = await tx.tokens.list(filter, { before: null, limit: mostTrusts });
  if (trusts.length < mostTrusts) return;
  throw invalid("agent_pool", `the pool ${name} has ${mostTrusts} trusts: delete one (windlass trust delete)`);
}

function demandTrust(person: Person, trust: IdentityTrust): void {
  const { issuer, audience, subjects, caCertificates, jwks } = trust;
  const problem = issuerProblem(issuer);
  if (problem !== undefined) throw invalid("trust.issuer", problem);
  // What listens there is the operator's of this machine, and no organization's.
  if (isLocalIssuer(issuer) && jwks === "") demand(person, "administer_site");
  if (audience === "")
    throw invalid(
      "trust.audience",
      "name one: this server has no public URL (windlassd --public-url) to take its place",
    );
  for (const pattern of subjects) {
    const why = subjectProblem(pattern);
    if (why !== undefined) throw invalid("trust.subjects", why);
  }
  const mistake = caCertificates === "" ? undefined : certificateProblem(caCertificates);
  if (mistake !== undefined) throw invalid("trust.ca_certificates", `it ${mistake}`);
  if (holdsPrivateKey(caCertificates))
    throw invalid("trust.ca_certificates", "it holds a private key: give certificates only");
  if (jwks !== "") demandKeys(jwks);
}

/** Public keys alone: a private one would be shown to everybody who may see the trust. */
function demandKeys(jwks: string): void {
  const keys = keysOf(issuerDocument(jwks));
  if (keys === undefined) throw invalid("trust.jwks", 'expected a JSON Web Key Set: {"keys": […]}');
  if (keys.some(isPrivateKey))
    throw invalid("trust.jwks", "it holds a private key: give the public ones that the issuer publishes");
}
