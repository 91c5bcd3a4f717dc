import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createApiKey } from "../src/control/people/api-keys.ts";
import { openTokens } from "../src/control/workspaces/provider-tokens.ts";
import type { Role } from "../src/domain/people/api-key.ts";
import { Readiness } from "../src/http/readiness.ts";
import { memoryLog } from "../src/lib/program/log.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { selfSigned } from "./support/certificate.ts";
import { runCli } from "./support/cli/run-cli.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { type Listener, listen } from "./support/listen.ts";

let fixture: TestControl;
let listener: Listener;
let directory: string;
const secrets: Partial<Record<Role, string>> = {};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-providers-"));
  const { log } = memoryLog();
  fixture = await openTestControl({ log });
  const { control, organization } = fixture;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: serviceRoutes(control), interceptors: interceptorsFor(control) },
    ...{ readiness: new Readiness(), log },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  for (const role of ["owner", "operator", "reader"] as const) {
    const key = { name: role, role, organizationId: organization.id };
    secrets[role] = (await createApiKey(control, key)).secret;
  }
  for (const name of ["prod", "lab"]) await done("pool", "create", name);
});
beforeEach(async () => {
  for (const scope of [[], ["--pool", "prod"], ["--pool", "lab"]])
    await cli(["providers", "delete", "--yes", ...scope]);
});
afterAll(async () => {
  await listener.close(0);
  await fixture[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface Setting {
  readonly role?: keyof typeof secrets;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const cli = (args: readonly string[], { role = "owner", env = {}, ...setting }: Setting = {}) =>
  runCli(args, {
    environment: { WINDLASS_ADDRESS: listener.url, WINDLASS_TOKEN: secrets[role] ?? "", NO_COLOR: "1", ...env },
    workingDirectory: directory,
    ...setting,
  });
const done = async (...args: readonly string[]) => {
  const answer = await cli(args);
  expect(answer, answer.stderr).toMatchObject({ exit: 0 });
  return answer;
};
const refused = async (exit: number, text: RegExp, ...args: readonly string[]) => {
  const answer = await cli(args);
  expect([answer.exit, answer.stderr]).toEqual([exit, expect.stringMatching(text)]);
};
const file = (name: string, text: string) => writeFile(join(directory, name), text);
const tokens = async (name?: string) => {
  const { control, organization } = fixture;
  const row = await control.store.read(async (q) => {
    const pool = name === undefined ? undefined : await q.pools.byName(organization.id, name);
    return q.providerSettings.get(pool?.id ?? organization.id);
  });
  return Object.fromEntries(openTokens(control, row));
};

describe("windlass providers", () => {
  test("says where jobs take providers from, and shows everything but tokens", async () => {
    await file("token", "token-of-acme\n");
    await file("ca.pem", selfSigned(fixture.clock.now()).cert);
    const set = await done(
      ...[
        "providers",
        "set",
        "--pool",
        "prod",
        "--source",
        "/opt/providers,include=hashicorp/*,include=acme.example/*/*",
      ],
      ...["--source", "https://mirror.example.com", "--source", "direct,exclude=*/*"],
      ...["--registry", "registry.example.com:9443=@token", "--registry-ca", "ca.pem"],
    );
    expect(set.stdout).toBe("✓ Changed where jobs of agent pool prod take providers from\n");
    expect(set.stderr).toContain("windlass providers get --pool prod --effective");
    expect(set.stderr).toContain("--sandbox-paths /opt/providers");
    expect(set.stderr).toMatch(/the certificate CN=localhost expires on/);
    const { stdout } = await done("providers", "get", "--pool", "prod");
    expect(stdout).toMatch(/^Source 1: +\/opt\/providers,include=hashicorp\/\*,include=acme\.example\/\*\/\*$/m);
    expect(stdout).toMatch(/^Source 2: +https:\/\/mirror\.example\.com\/$/m);
    expect(stdout).toMatch(/^Source 3: +direct,exclude=\*\/\*$/m);
    expect(stdout).toMatch(/^Registry: +registry\.example\.com:9443 \(with a token\)$/m);
    expect(stdout).toMatch(/^Certificate: +CN=localhost, until \d{4}-/m);
    const json = (await done("providers", "get", "--pool", "prod", "-o", "json")).stdout;
    expect(JSON.parse(json)).toMatchObject({ agentPool: "prod", hosts: [{ tokenSet: true }] });
    expect(json).not.toContain("token-of-acme");
    expect((await done("providers", "get", "--pool", "prod", "-o", "name")).stdout).toBe("providers/pool/prod\n");
    expect((await done("providers", "get", "-o", "name")).stdout).toBe("providers/org/acme\n");
    expect((await done("providers", "get")).stdout).toMatch(/^Sources: +none: as each agent has it$/m);
    expect(await tokens("prod")).toEqual({ "registry.example.com:9443": "token-of-acme" });
  });

  test("keeps the tokens of registries that a command does not name", async () => {
    await file("a", "token-a");
    await done("providers", "set", "--registry", "a.example=@a");
    const piped = await cli(["providers", "set", "--registry", "b.example:443=-"], { stdin: "token-b\n" });
    expect(piped).toMatchObject({ exit: 0 });
    await done("providers", "set", "--source", "direct");
    expect(await tokens()).toEqual({ "a.example": "token-a", "b.example": "token-b" });
    await done("providers", "unset", "--registry", "B.example");
    expect(await tokens()).toEqual({ "a.example": "token-a" });
    await refused(
      3,
      /organization acme has no token for b\.example: it names a\.example/,
      "providers",
      "unset",
      "--registry",
      "b.example",
    );
    await done("providers", "unset", "--sources", "--registry-ca");
    expect((await done("providers", "get")).stdout).toMatch(/^Sources: +none/m);
  });

  test("shows what a pool's jobs get", async () => {
    await done("providers", "set", "--source", "direct", "--registry", "a.example=token-a");
    await done("providers", "set", "--pool", "prod", "--source", "/opt/p");
    const effective = (await done("providers", "get", "--pool", "prod", "--effective")).stdout;
    expect(effective).toMatch(/^Source: +\/opt\/p$/m);
    expect(effective).toMatch(/^Registry: +a\.example/m);
    expect((await done("providers", "get", "--pool", "lab", "--effective")).stdout).toMatch(/^Source: +direct$/m);
  });

  test("only checks on a dry run, and deletes everything at once", async () => {
    await done("providers", "set", "--source", "direct", "--dry-run");
    expect((await done("providers", "get", "-o", "json")).stdout).not.toContain("direct");
    await refused(
      3,
      /providers setting "acme" does not exist[\s\S]*windlass providers get/,
      "providers",
      "delete",
      "--yes",
    );
    await done("providers", "set", "--registry", "a.example=token-a");
    expect((await done("providers", "delete", "--yes")).stdout).toContain("organization acme");
    expect(await tokens()).toEqual({});
  });

  test("is for owners; everybody who reads sees it", async () => {
    const asOperator = await cli(["providers", "set", "--source", "direct"], { role: "operator" });
    expect(asOperator).toMatchObject({ exit: 4, stderr: expect.stringContaining("the role owner") });
    expect(await cli(["providers", "get", "--effective"], { role: "reader" })).toMatchObject({ exit: 0 });
  });

  test.each([
    [2, /nothing to set: give --source/, ["set"]],
    [
      2,
      /--registry a\.example: say where its token comes from: a\.example=- is stdin/,
      ["set", "--registry", "a.example"],
    ],
    [2, /only one value can come from stdin/, ["set", "--registry", "a.example=-", "--registry", "b.example=-"]],
    [
      2,
      /--source is \/PATH of a directory, https:\/\/URL of a network mirror, or direct, not "opt"/,
      ["set", "--source", "opt"],
    ],
    [2, /include=PATTERN or exclude=PATTERN, not "b"/, ["set", "--source", "/a,b"]],
    [2, /begins with https:\/\//, ["set", "--source", "http://mirror.example/"]],
    [2, /leave out https:\/\/ and the path/, ["set", "--registry", "https://a.example/=x12345"]],
    [2, /--registry-ca: missing\.pem cannot be read/, ["set", "--registry-ca", "missing.pem"]],
    [2, /key\.pem holds a private key beside certificates/, ["set", "--registry-ca", "key.pem"]],
    [2, /hello\.pem holds no certificate in PEM form/, ["set", "--registry-ca", "hello.pem"]],
    [2, /nothing to change/, ["unset"]],
    [3, /agent pool "none" does not exist/, ["get", "--pool", "none"]],
  ] as const)("is refused with %i: %s", async (exit, text, args) => {
    const { cert, key } = selfSigned(fixture.clock.now());
    await file("key.pem", `${cert}${key}`);
    await file("hello.pem", "hello");
    await refused(exit, text, "providers", ...args);
  });

  test("warns of tokens too short to be hidden in logs", async () => {
    const { stderr } = await done("providers", "set", "--registry", "a.example=1234");
    expect(stderr).toContain("values of fewer than 6 characters are not redacted in logs: a.example");
  });
});

describe("a manifest of providers", () => {
  const site = `
apiVersion: windlass/v1
kind: AgentPoolProviders
metadata: {name: prod}
spec:
  sources:
    - networkMirror: https://Mirror.example.com
      include: [hashicorp/*]
    - {direct: true, exclude: [hashicorp/*]}
  registries:
    - {host: Registry.example.com:9443, tokenFrom: {env: ACME_TOKEN}}
---
apiVersion: windlass/v1
kind: OrganizationProviders
metadata: {name: acme}
spec:
  sources: [{filesystemMirror: /opt/providers/}]
`;
  const env = { ACME_TOKEN: "token-of-acme" };

  test("makes what it says once, and a diff wants no secrets", async () => {
    await file("site.yaml", site);
    const before = await cli(["manifest", "diff", "-f", "site.yaml", "--detailed-exitcode"]);
    expect(before).toMatchObject({ exit: 2, stdout: expect.stringContaining("~ providers/pool/prod") });
    expect(before.stdout).toContain("registries.registry.example.com:9443: (token)");
    await refused(
      2,
      /registry registry\.example\.com:9443: the environment variable ACME_TOKEN is not set/,
      "apply",
      "-f",
      "site.yaml",
      "--yes",
    );
    const applied = await cli(["apply", "-f", "site.yaml", "--yes"], { env });
    expect(applied).toMatchObject({ exit: 0, stderr: expect.stringContaining("Applied: 2 resources changed") });
    expect(`${applied.stdout}${applied.stderr}`).not.toContain("token-of-acme");
    expect(await tokens("prod")).toEqual({ "registry.example.com:9443": "token-of-acme" });
    const after = await cli(["manifest", "diff", "-f", "site.yaml", "--detailed-exitcode"]);
    expect(after).toMatchObject({ exit: 0, stdout: expect.stringContaining("(token: written each time)") });
  });

  test("keeps what it does not name, unless it prunes", async () => {
    await file("site.yaml", site.replace(", tokenFrom: {env: ACME_TOKEN}", ""));
    await done(
      "providers",
      "set",
      "--pool",
      "prod",
      "--registry",
      "registry.example.com:9443=kept",
      "--registry",
      "old.example=x",
    );
    await done("apply", "-f", "site.yaml", "--yes");
    expect(await tokens("prod")).toEqual({ "registry.example.com:9443": "kept", "old.example": "x" });
    await done("apply", "-f", "site.yaml", "--yes", "--prune");
    expect(await tokens("prod")).toEqual({ "registry.example.com:9443": "kept" });
  });

  test("is what an export says, without tokens", async () => {
    await file("site.yaml", site);
    expect(await cli(["apply", "-f", "site.yaml", "--yes"], { env })).toMatchObject({ exit: 0 });
    await file("ca.pem", selfSigned(fixture.clock.now()).cert);
    await done("providers", "set", "--registry-ca", "ca.pem");
    const exported = (await done("manifest", "export", "--kinds", "providers")).stdout;
    expect(exported).not.toContain("token-of-acme");
    expect(exported).toContain("env: PROD_REGISTRY_EXAMPLE_COM_9443");
    expect(exported).toContain("kind: OrganizationProviders");
    await file("again.yaml", exported);
    const same = await cli(["manifest", "diff", "-f", "again.yaml", "--prune", "--detailed-exitcode"]);
    expect(same).toMatchObject({ exit: 0, stdout: expect.not.stringContaining("→") });
    expect((await done("manifest", "export")).stdout).not.toContain("Providers");
  });

  test.each([
    ["sources: [{direct: true, networkMirror: https://a.example/}]", /exactly one of filesystemMirror/],
    [
      "sources: [{networkMirror: http://a.example/}]",
      /sources\.0\.networkMirror: expected a URL that begins with https/,
    ],
    ['sources: [{direct: true, include: ["*/random"]}]', /expected nothing but \* behind a \*/],
    ["registries: [{host: https://a.example}]", /registries\.0\.host: expected a host only/],
    ["registries: [{host: a.example}, {host: A.example:443}]", /a host is given twice/],
    ["caCertificates: hello", /holds no certificate in PEM form/],
    ["mirrors: []", /unknown field "spec\.mirrors"/],
  ])("with %s is refused without a server", async (spec, text) => {
    await file(
      "bad.yaml",
      `apiVersion: windlass/v1\nkind: AgentPoolProviders\nmetadata: {name: prod}\nspec:\n  ${spec}\n`,
    );
    await refused(2, text, "manifest", "validate", "-f", "bad.yaml");
  });
});
