import type { lookup } from "node:dns";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { introduction } from "../../../test/support/fake-agent.ts";
import { issuerKey, jwkOf, openIssuer, signedToken, type TestIssuer } from "../../../test/support/issuer.ts";
import { pool } from "../../../test/support/store/rows.ts";
import type { IdentityTrust } from "../../domain/agents/trust.ts";
import { newId, type PoolId } from "../../lib/words/ids.ts";
import { rotateAgentToken } from "../agents/token-rotation.ts";
import { listAgentTokens, revokeAgentToken } from "../agents/tokens.ts";
import { createIdentityTrust } from "../agents/trusts.ts";
import { registerAgent } from "../sessions/registration.ts";
import { authenticate } from "./authentication.ts";
import { identityIn } from "./identities.ts";
import { publishedKeys } from "./issuer-documents.ts";
import { IssuerKeys } from "./issuer-keys.ts";

const key = issuerKey("first");
const curve = issuerKey("curve", "ES256");
const foreign = issuerKey("first");
const subject = "system:serviceaccount:windlass:agent";
const held = new AsyncDisposableStack();
let fixture: TestControl;
let issuer: TestIssuer;
let issuers: IssuerKeys;
let poolId: PoolId;
let trust: IdentityTrust;

beforeAll(async () => {
  fixture = held.use(await openTestControl());
  issuer = held.use(await openIssuer([key, curve]));
});
afterAll(() => held.disposeAsync());

let count = 0;
const freshPool = async (organization = fixture.organization) => {
  const name = `pool-${++count}`;
  const row = pool({ id: newId("apool", fixture.control.random), organizationId: organization.id, name });
  await fixture.control.store.write((tx) => tx.pools.insert(row));
  return row;
};
const trusting = (more: Partial<IdentityTrust> = {}, id = poolId) =>
  createIdentityTrust(fixture.control, fixture.admin, {
    ...{ pool: { organization: "", name: id }, description: "cluster", expiresInMs: null },
    trust: { ...trust, ...more },
  });

let poolName: string;
beforeEach(async () => {
  const row = await freshPool();
  [poolId, poolName] = [row.id, row.name];
  issuers = new IssuerKeys(fixture.clock);
  issuer.keys = [key, curve];
  issuer.override = undefined;
  trust = { issuer: issuer.url, audience: "windlass", subjects: [subject], claims: {}, caCertificates: "", jwks: "" };
});

const seconds = () => Math.floor(fixture.clock.now().getTime() / 1000);
const payload = (more: Record<string, unknown> = {}) => ({
  ...{ iss: issuer.url, aud: ["windlass"], sub: subject, iat: seconds(), nbf: seconds(), exp: seconds() + 600 },
  "kubernetes.io": { namespace: "windlass", pod: { name: "agent-1" } },
  ...more,
});
const call = (jwt: string, where = `acme/${poolName}`) =>
  authenticate(fixture.control, `${where}/${jwt}`, { issuers, address: "10.0.0.7" });

describe("an identity", () => {
  test.each([key, curve])("that $alg has signed is let in, to the pool that trusts it", async (signer) => {
    const { token } = await trusting({ claims: { "/kubernetes.io/namespace": "windlass" } });
    const principal = await call(signedToken(signer, payload()));
    expect(principal).toEqual({
      ...{ kind: "agent_token", id: token.id, poolId, organizationId: fixture.organization.id, identity: subject },
    });
    const { agent } = await registerAgent(fixture.control, principal, introduction());
    expect([agent.poolId, agent.tokenId]).toEqual([poolId, token.id]);
    const { store } = fixture.control;
    const used = await store.read((q) => q.tokens.get(token.id));
    expect(used).toMatchObject({ lastUsedAt: fixture.clock.now() });
    const filter = {
      organizationId: null,
      action: "agent.register",
      actor: "",
      resource: token.id,
      since: null,
      until: null,
    };
    const records = await store.read((q) => q.audit.list(filter, { before: null, limit: 9 }));
    expect(records.map(({ detail }) => detail.identity)).toEqual([subject]);
  });

  test("is let in by ids as well as by names, and by keys that were given without asking the issuer", async () => {
    await trusting({ issuer: "https://kubernetes.default.svc", jwks: JSON.stringify({ keys: [jwkOf(key)] }) });
    const jwt = signedToken(key, payload({ iss: "https://kubernetes.default.svc" }));
    const before = issuer.asked;
    expect(await call(jwt, `${fixture.organization.id}/${poolId}`)).toMatchObject({ poolId });
    expect(issuer.asked).toBe(before);
  });

  const unsigned = /takes no such identity\. See/;
  test.each<[string, () => string, RegExp]>([
    ["without a signature", () => signedToken(key, payload(), { alg: "none" }), unsigned],
    ["signed by its public key", () => signedToken(key, payload(), { alg: "HS256" }), unsigned],
    ["signed by a key of somebody else", () => signedToken(foreign, payload()), unsigned],
    ["with a key that nobody knows", () => signedToken(key, payload(), { kid: "second" }), unsigned],
    ["of a critical extension", () => signedToken(key, payload(), { crit: ["x"], x: 1 }), unsigned],
    [
      "changed afterwards",
      () => signedToken(key, payload()).replace(/\.[^.]+\./, (part) => `${part.slice(0, -2)}A.`),
      unsigned,
    ],
    ["of another issuer", () => signedToken(key, payload({ iss: "https://oidc.example.com" })), unsigned],
    ["that is no JSON", () => "eyJ.abc.def", unsigned],
    ["meant for somebody else", () => signedToken(key, payload({ aud: "vault" })), /\(aud\): expected windlass/],
    ["meant for nobody", () => signedToken(key, payload({ aud: undefined })), /\(aud\)/],
    ["that has expired", () => signedToken(key, payload({ exp: seconds() - 31 })), /has expired/],
    ["without an end", () => signedToken(key, payload({ exp: undefined })), /until when/],
    [
      "that is good for more than a day",
      () => signedToken(key, payload({ exp: seconds() + 90_000 })),
      /more than a day/,
    ],
    ["that is not good yet", () => signedToken(key, payload({ nbf: seconds() + 31 })), /not good yet/],
    ["of another subject", () => signedToken(key, payload({ sub: `${subject}-2` })), /its subject is .*agent-2/],
    ["of nobody", () => signedToken(key, payload({ sub: undefined })), /sub/],
    [
      "with another claim",
      () => signedToken(key, payload({ "kubernetes.io": { namespace: "x" } })),
      /namespace is "x"/,
    ],
  ])("%s is refused", async (_, make, why) => {
    await trusting({ claims: { "/kubernetes.io/namespace": "windlass" } });
    await expect(call(make())).rejects.toMatchObject({ code: "token_invalid", message: expect.stringMatching(why) });
    expect(await call(signedToken(key, payload()))).toMatchObject({ poolId });
  });

  test("is let in as long as clocks differ by less than half a minute", async () => {
    await trusting();
    expect(await call(signedToken(key, payload({ nbf: seconds() + 25, exp: seconds() - 25 })))).toMatchObject({
      poolId,
    });
  });

  test("is of no pool that does not trust it, whether that is there or not", async () => {
    await trusting();
    const { sibling } = fixture;
    const [other, elsewhere] = [await freshPool(), await freshPool(sibling)];
    const jwt = signedToken(key, payload());
    for (const where of [
      `acme/${other.name}`,
      "acme/nowhere",
      `${sibling.name}/${poolName}`,
      `${sibling.name}/${poolId}`,
      `${sibling.name}/${elsewhere.name}`,
    ]) {
      const message = `the pool ${where} takes no such identity. See its trusts: windlass trust list --pool ${where.split("/")[1]}`;
      await expect(call(jwt, where)).rejects.toMatchObject({ code: "token_invalid", message });
    }
  });

  test("that another tenant trusts comes to the pool that it asks for, and to no other", async () => {
    const { sibling } = fixture;
    const theirs = await freshPool(sibling);
    await trusting();
    await trusting({}, theirs.id);
    const jwt = signedToken(key, payload());
    expect(await call(jwt)).toMatchObject({ poolId, organizationId: fixture.organization.id });
    expect(await call(jwt, `${sibling.name}/${theirs.name}`)).toMatchObject({
      poolId: theirs.id,
      organizationId: sibling.id,
    });
  });

  test("finds the trust that fits among several of one issuer", async () => {
    await trusting({ subjects: ["system:serviceaccount:else:*"] });
    const { token } = await trusting();
    await trusting({ audience: "vault" });
    expect(await call(signedToken(key, payload()))).toMatchObject({ id: token.id });
  });

  test("without a pool before it is told what is missing", async () => {
    const jwt = signedToken(key, payload());
    await expect(authenticate(fixture.control, jwt, { issuers })).rejects.toThrow(/ORGANIZATION\/POOL/);
    expect(identityIn(jwt)).toBeUndefined();
  });
});

describe("a trust", () => {
  test("that is revoked or has expired admits nobody, and has no secret to rotate", async () => {
    const { token } = await trusting();
    const jwt = signedToken(key, payload());
    const id = token.id;
    await expect(
      rotateAgentToken(fixture.control, fixture.admin, { id, overlapMs: 0, expiresInMs: null }),
    ).rejects.toMatchObject({ code: "not_rotatable", message: expect.stringMatching(/is a trust/) });
    const principal = await call(jwt);
    await revokeAgentToken(fixture.control, fixture.admin, { id, stopsJobs: false });
    await expect(call(jwt)).rejects.toMatchObject({ code: "token_invalid" });
    await expect(registerAgent(fixture.control, principal, introduction())).rejects.toMatchObject({
      ...{ code: "token_revoked", message: expect.stringContaining(`the trust ${id} in ${issuer.url} was revoked`) },
    });
  });

  test.each<[string, Partial<IdentityTrust>, RegExp]>([
    ["of an issuer without https", { issuer: "http://oidc.example.com" }, /issuer: expected https/],
    ["without an audience where the server has no public URL", { audience: "" }, /audience: name one/],
    ["in anybody", { subjects: ["*"] }, /subjects: .*begin with anything/],
    [
      "with a file that holds no certificate",
      { caCertificates: "nothing" },
      /ca_certificates: it holds no certificate/,
    ],
    ["with a file that holds no keys", { jwks: "{}" }, /jwks: expected a JSON Web Key Set/],
    [
      "with private keys",
      { jwks: JSON.stringify({ keys: [key.privateKey.export({ format: "jwk" })] }) },
      /private key/,
    ],
  ])("%s is refused", async (_, more, why) => {
    await expect(trusting(more)).rejects.toMatchObject({ code: "validation", message: expect.stringMatching(why) });
  });

  test("in what listens on this machine is a site admin's to give", async () => {
    const wanted = { pool: { organization: "", name: poolId }, description: "", expiresInMs: null };
    const owner = fixture.as("owner");
    await expect(createIdentityTrust(fixture.control, owner, { ...wanted, trust })).rejects.toMatchObject({
      code: "permission_denied",
    });
    const outside = { ...trust, issuer: "https://oidc.example.com" };
    expect((await createIdentityTrust(fixture.control, owner, { ...wanted, trust: outside })).token.trust).toEqual(
      outside,
    );
  });

  test("is recorded with everything that it admits", async () => {
    const { token } = await trusting({ claims: { a: "b" } });
    const filter = {
      organizationId: null,
      action: "trust.create",
      actor: "",
      resource: token.id,
      since: null,
      until: null,
    };
    const records = await fixture.control.store.read((q) => q.audit.list(filter, { before: null, limit: 9 }));
    expect(records.map(({ detail }) => detail)).toEqual([
      {
        ...{ issuer: issuer.url, audience: "windlass", subjects: subject, claims: "a=b", pool: poolName },
        ...{ description: "cluster", expires: "never" },
      },
    ]);
  });
});

describe("an issuer", () => {
  test("is asked once for everybody, and not again for ten minutes", async () => {
    await trusting();
    const before = issuer.asked;
    await Promise.all(Array.from({ length: 20 }, () => call(signedToken(key, payload()))));
    await fixture.clock.advance(9 * 60_000);
    await call(signedToken(key, payload()));
    expect(issuer.asked - before).toBe(1);
    await fixture.clock.advance(2 * 60_000);
    await call(signedToken(key, payload()));
    expect(issuer.asked - before).toBe(2);
  });

  test("that has a new key is asked for it, but not more than once in half a minute whatever tokens name", async () => {
    await trusting();
    await call(signedToken(key, payload()));
    const second = issuerKey("second");
    issuer.keys = [second];
    await fixture.clock.advance(31_000);
    const before = issuer.asked;
    expect(await call(signedToken(second, payload()))).toMatchObject({ poolId });
    for (const kid of ["a", "b", "c"])
      await expect(call(signedToken(second, payload(), { kid }))).rejects.toMatchObject({ code: "token_invalid" });
    expect(issuer.asked - before).toBe(1);
    await expect(call(signedToken(key, payload()))).rejects.toMatchObject({ code: "token_invalid" });
  });

  test("that is gone is believed for a day", async () => {
    await trusting();
    await call(signedToken(key, payload()));
    issuer.override = (_, response) => void response.writeHead(503).end();
    await fixture.clock.advance(23 * 3_600_000);
    expect(await call(signedToken(key, payload()))).toMatchObject({ poolId });
    await fixture.clock.advance(2 * 3_600_000);
    await expect(call(signedToken(key, payload()))).rejects.toMatchObject({
      ...{ code: "issuer_unavailable", metadata: { issuer: issuer.url }, retryAfterMs: 30_000 },
    });
  });

  const keys = () => JSON.stringify({ keys: [jwkOf(key)] });
  const discovery = (more: object) => JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...more });
  test.each<
    [string, (path: string) => { readonly status?: number; readonly body: string; readonly location?: string }]
  >([
    [
      "sends elsewhere",
      (path) =>
        path === "/keys"
          ? { status: 302, body: "", location: `${issuer.url}/more` }
          : { body: path === "/more" ? keys() : discovery({}) },
    ],
    [
      "is another one than it says",
      (path) => ({ body: path === "/keys" ? keys() : discovery({ issuer: "https://oidc.example.com" }) }),
    ],
    [
      "has its keys where clouds have secrets",
      (path) => ({ body: path === "/keys" ? keys() : discovery({ jwks_uri: "https://169.254.169.254/keys" }) }),
    ],
    [
      "has its keys where anybody may write them",
      (path) => ({ body: path === "/keys" ? keys() : discovery({ jwks_uri: "http://oidc.example.com/keys" }) }),
    ],
    [
      "answers without end",
      (path) => ({ body: path === "/keys" ? `${" ".repeat(300 * 1024)}${keys()}` : discovery({}) }),
    ],
    ["answers with a page", (path) => ({ body: path === "/keys" ? "<html>" : discovery({}) })],
    ["has no keys", (path) => ({ body: path === "/keys" ? '{"keys":[]}' : discovery({}) })],
    ["is ill", (path) => ({ status: path === "/keys" ? 500 : 200, body: path === "/keys" ? keys() : discovery({}) })],
  ])("that %s vouches for nobody", async (_, answer) => {
    await trusting();
    issuer.override = (request, response) => {
      const { status = 200, body, location } = answer(request.url ?? "");
      response.writeHead(status, location === undefined ? {} : { location }).end(body);
    };
    await expect(call(signedToken(key, payload()))).rejects.toMatchObject({ code: "issuer_unavailable" });
  });

  test.each([
    ...[
      "https://0.0.0.0:1",
      "https://[::ffff:169.254.169.254]",
      "https://[::ffff:127.0.0.1]:1",
      "https://[fd00:ec2::254]",
    ],
  ])("at %s is never connected to", async (url) => {
    await trusting({ issuer: url });
    await expect(call(signedToken(key, payload({ iss: url })))).rejects.toMatchObject({
      ...{ code: "issuer_unavailable", message: expect.stringMatching(/where no issuer may be/) },
    });
  });

  test.each(["127.0.0.1", "::1", "169.254.169.254", "fe80::1%eth0", "203.0.113.9 127.0.0.1"])(
    "whose name leads to %s is never connected to",
    async (addresses) => {
      const found = addresses.split(" ").map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
      const resolver = ((_name: string, _options: object, answer: (error: null, all: typeof found) => void) =>
        answer(null, found)) as unknown as typeof lookup;
      const url = "https://oidc.example.com";
      await trusting({ issuer: url });
      issuers = new IssuerKeys(fixture.clock, (asked) => publishedKeys(asked, resolver));
      await expect(call(signedToken(key, payload({ iss: url })))).rejects.toMatchObject({
        ...{ code: "issuer_unavailable", message: expect.stringMatching(/where no issuer may be/) },
      });
    },
  );
});

test.each(testEngines)("trusts are listed apart, without those that were revoked, on $name", async (engine) => {
  await using own = new AsyncDisposableStack();
  const { control, admin, organization } = own.use(await openTestControl({ rows: (await engine.urls(own)).rows }));
  const row = pool({ id: newId("apool", control.random), organizationId: organization.id, name: "prod" });
  await control.store.write((tx) => tx.pools.insert(row));
  const wanted = { pool: { organization: "", name: row.id }, description: "", expiresInMs: null, trust };
  const kept = await createIdentityTrust(control, admin, wanted);
  const gone = await createIdentityTrust(control, admin, wanted);
  await revokeAgentToken(control, admin, { id: gone.token.id, stopsJobs: false });
  const page = { size: 10, token: "" };
  const list = (onlyTrusts: boolean) =>
    listAgentTokens(control, admin, { organization: "acme", pool: "prod", onlyTrusts, page });
  expect((await list(true)).rows.map(({ token }) => token)).toEqual([kept.token]);
  expect((await list(false)).rows).toHaveLength(2);
});
