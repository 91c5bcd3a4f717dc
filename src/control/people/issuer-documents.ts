import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import type { Agent, EnvHttpProxyAgent } from "undici";
import { issuerDocument, keysOf } from "../../domain/agents/key-set.ts";
import { type IdentityTrust, isLocalIssuer } from "../../domain/agents/trust.ts";
import { type Networks, networksOf, plainAddress } from "../../lib/net/networks.ts";
import { fieldOf } from "../../lib/values/records.ts";

/** How long an answer of an issuer may take as a whole, and how large it may be. */
const answerMs = 5_000;
const maxBytes = 256 * 1024;

type Asked = Pick<IdentityTrust, "issuer" | "caCertificates">;
/** Looks a name up, as `lookup` of Node does. */
type Resolver = typeof lookup;

/**
 * The keys of an issuer as it publishes them: its discovery document names where they are. Throws an `Error` that says in a clause
 * why they cannot be had. What it answers is shown to nobody.
 */
export async function publishedKeys(trust: Asked, resolver: Resolver = lookup): Promise<readonly object[]> {
  const discovery = `${trust.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const document = await documentAt(discovery, trust, resolver);
  const [issuer, address] = [fieldOf(document, "issuer"), fieldOf(document, "jwks_uri")];
  if (issuer !== trust.issuer) throw new Error(`${discovery} is the document of another issuer`);
  if (typeof address !== "string" || !mayBeAsked(address, trust))
    throw new Error(`${discovery} names no https address of keys (jwks_uri)`);
  const keys = keysOf(await documentAt(address, trust, resolver));
  if (keys === undefined) throw new Error(`${address} holds no JSON Web Key Set`);
  return keys;
}

const mayBeAsked = (address: string, { issuer }: Asked): boolean =>
  URL.canParse(address) &&
  (new URL(address).protocol === "https:" ||
    (new URL(address).protocol === "http:" && isLocalIssuer(issuer) && isLocalIssuer(address)));

/**
 * A redirect is no answer: nobody but the issuer says where its keys are. What is not on this machine is asked through the proxy of
 * the environment (HTTPS_PROXY, NO_PROXY), which looks names up by itself: where it leads, its rules say.
 */
async function documentAt(address: string, trust: Asked, resolver: Resolver): Promise<unknown> {
  const places = placesFor(trust);
  const { hostname } = new URL(address);
  if (places.has(hostname.replace(/^\[|\]$/g, ""))) throw new Error(refusalOf(hostname));
  // Loaded when it is used: few servers ask issuers.
  const undici = await import("undici");
  const ca = trust.caCertificates === "" ? {} : { ca: trust.caCertificates };
  const connect = { lookup: lookupBut(places, resolver), timeout: answerMs, ...ca };
  await using dispatcher = closing(
    isLocalIssuer(trust.issuer)
      ? new undici.Agent({ connect })
      : new undici.EnvHttpProxyAgent({ connect, requestTls: ca }),
  );
  const signal = AbortSignal.timeout(answerMs);
  const { statusCode, body } = await undici.request(address, {
    ...{ dispatcher: dispatcher.agent, signal, headers: { accept: "application/json" } },
  });
  if (statusCode !== 200) throw new Error(`${address} answered with ${statusCode}`);
  return issuerDocument(await textOf(body, address));
}

/** Ends its connections, also those in the middle of an answer that is too large. */
const closing = (agent: Agent | EnvHttpProxyAgent) => ({ agent, [Symbol.asyncDispose]: () => agent.destroy() });

async function textOf(body: AsyncIterable<Uint8Array>, address: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > maxBytes) throw new Error(`${address} answered with more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Where no issuer is: where clouds tell machines their secrets, this machine, everybody at once, and nobody. */
const nowhere = [
  "0.0.0.0/8",
  "169.254.0.0/16",
  "100.100.100.200",
  "224.0.0.0/3",
  "::",
  "fe80::/10",
  "fd00:ec2::/32",
  "ff00::/8",
];
const thisMachine = ["127.0.0.0/8", "::1"];
const placesOf = (texts: readonly string[]): Networks => networksOf(texts) ?? { texts, has: () => true };
const forOthers = placesOf([...nowhere, ...thisMachine]);
const forLocal = placesOf(nowhere);
const placesFor = ({ issuer }: Asked): Networks => (isLocalIssuer(issuer) ? forLocal : forOthers);

const refusalOf = (host: string): string => `${host} is at an address where no issuer may be`;

/** Looks a name up for the connection itself, so that nothing else is connected to than what was judged. */
const lookupBut =
  (places: Networks, resolver: Resolver): LookupFunction =>
  (hostname, options, answer) => {
    resolver(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return answer(error, "", 0);
      const bad = found.some(({ address }) => places.has(plainAddress(address)));
      const [first] = found;
      if (bad || first === undefined) return answer(new Error(refusalOf(hostname)), "", 0);
      return options.all === true ? answer(null, found) : answer(null, first.address, first.family);
    });
  };
