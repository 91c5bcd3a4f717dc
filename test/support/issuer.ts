import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A key that an issuer signs with. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: "RS256" | "ES256";
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const pairs = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
};

export const issuerKey = (kid: string, alg: IssuerKey["alg"] = "RS256"): IssuerKey => ({ kid, alg, ...pairs[alg]() });

export const jwkOf = ({ kid, alg, publicKey }: IssuerKey) => ({
  ...publicKey.export({ format: "jwk" }),
  ...{ kid, alg, use: "sig" },
});

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as RFC 7515 writes it, by no library. The header says what it is told to, whatever the key is. */
export function signedToken(
  key: IssuerKey,
  payload: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const told = { typ: "JWT", alg: key.alg, kid: key.kid, ...header };
  const body = `${encoded(told)}.${encoded(payload)}`;
  return `${body}.${signatureOf(key, body, told.alg).toString("base64url")}`;
}

function signatureOf({ privateKey, publicKey, alg }: IssuerKey, body: string, told: string): Buffer {
  if (told === "none") return Buffer.alloc(0);
  // What a library takes that has HS256 checked with the public key.
  if (told === "HS256")
    return createHmac("sha256", publicKey.export({ type: "spki", format: "pem" }))
      .update(body)
      .digest();
  return sign("sha256", Buffer.from(body), { key: privateKey, dsaEncoding: alg === "ES256" ? "ieee-p1363" : "der" });
}

/** An issuer of identities, as a cluster of Kubernetes is one, on a port of its own. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** What it publishes. */
  keys: readonly IssuerKey[];
  /** How often it was asked for its keys. */
  readonly asked: number;
  /** Answers in its place; undefined: it answers itself. */
  override: Answer | undefined;
}

const json = (response: ServerResponse, value: unknown): void => {
  response.setHeader("content-type", "application/json").end(JSON.stringify(value));
};

export async function openIssuer(keys: readonly IssuerKey[]): Promise<TestIssuer> {
  let asked = 0;
  const server = createServer((request, response) => {
    if (request.url === "/keys") asked += 1;
    if (issuer.override !== undefined) return issuer.override(request, response);
    if (request.url === "/.well-known/openid-configuration")
      return json(response, { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` });
    if (request.url === "/keys") return json(response, { keys: issuer.keys.map(jwkOf) });
    response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    get asked() {
      return asked;
    },
    override: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return issuer;
}
