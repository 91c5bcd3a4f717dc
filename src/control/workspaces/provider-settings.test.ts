import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificate.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import * as rows from "../../../test/support/store/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { AgentPool } from "../../domain/agents/pool.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { ProviderSource } from "../../domain/workspaces/provider-settings.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { deletePool } from "../agents/pools.ts";
import { providersOfJob } from "../jobs/providers.ts";
import { deleteOrganization } from "../people/organization-deletion.ts";
import {
  deleteProviderSettings,
  getProviderSettings,
  type SettingsChanges,
  updateProviderSettings,
} from "./provider-settings.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let owner: Person;
let pool: AgentPool;
beforeEach(async () => {
  fixture = await openTestControl();
  owner = fixture.as("owner");
  pool = rows.pool({ id: newId("apool", systemRandom), organizationId: fixture.organization.id });
  await fixture.control.store.write((tx) => tx.pools.insert(pool));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const at = (agentPool = "") => ({ organization: "acme", agentPool });
const set = (changes: SettingsChanges, { agentPool = "", etag = "", isTrial = false, who = owner } = {}) =>
  updateProviderSettings(fixture.control, who, { reference: at(agentPool), changes, etag, isTrial });
const get = (agentPool = "", isEffective = false, who = owner) =>
  getProviderSettings(fixture.control, who, { ...at(agentPool), isEffective });
const refused = (field: string, text: string) => ({
  code: "validation",
  fields: [{ field, description: expect.stringContaining(text) }],
});

const direct: ProviderSource = { kind: "direct", include: [], exclude: [] };
const mirror: ProviderSource = {
  kind: "network",
  url: "https://mirror.example/",
  include: ["hashicorp/*"],
  exclude: [],
};
const registry = { host: "registry.example.com:9443", token: "token-of-acme" };

async function startedJob(poolId: AgentPool["id"] | null, isStarted = true): Promise<Principal> {
  const { control } = fixture;
  const { workspace } = await createWorkspace(control, owner, newWorkspace("network"));
  const run = runRow(workspace, { status: "planning" });
  const startedAt = isStarted ? fixture.clock.now() : null;
  const job = jobRow(run, { status: isStarted ? "started" : "offered", epoch: 1, startedAt, poolId });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  return { kind: "job", jobId: job.id, epoch: 1 };
}

describe("settings", () => {
  test("are empty until somebody sets them, and come back without tokens", async () => {
    const nothing = { sources: [], hosts: [], caCertificates: "", warnings: [], updatedAt: null, etag: "0" };
    expect(await get()).toEqual({ organizationName: "acme", poolName: "", ...nothing });
    const made = await set({ sources: [mirror, direct], hosts: [registry] }, { agentPool: "prod" });
    expect(made).toMatchObject({ poolName: "prod", sources: [mirror, direct], hosts: [registry.host] });
    expect(await get("prod")).toEqual(made);
    expect(await get(pool.id)).toEqual(made);
    expect(JSON.stringify(made)).not.toContain(registry.token);
    expect(await get()).toMatchObject(nothing);
  });

  test("keep what an update does not name", async () => {
    const { cert } = selfSigned(fixture.clock.now());
    await set({ sources: [mirror], hosts: [registry], caCertificates: cert });
    await set({ sources: [direct] });
    await set({
      hosts: [
        { host: "a.example", token: "new-token" },
        { host: registry.host, token: "" },
      ],
    });
    const { sources, hosts, caCertificates } = await providersOfJob(fixture.control, await startedJob(null));
    expect({ sources, caCertificates }).toEqual({ sources: [direct], caCertificates: cert });
    expect(hosts).toEqual([{ host: "a.example", token: "new-token" }, registry]);
  });

  test("of another tenant do not exist; readers look and only owners change", async () => {
    const changes = { sources: [direct] };
    const stranger = fixture.as("owner", fixture.sibling);
    for (const agentPool of ["", "prod", pool.id]) {
      await expect(get(agentPool, false, stranger)).rejects.toMatchObject({ code: "not_found" });
      await expect(set(changes, { agentPool, who: stranger })).rejects.toMatchObject({ code: "not_found" });
      await expect(set(changes, { agentPool, who: fixture.as("operator") })).rejects.toMatchObject({
        code: "permission_denied",
      });
      await expect(
        deleteProviderSettings(fixture.control, fixture.as("operator"), at(agentPool)),
      ).rejects.toMatchObject({ code: "permission_denied" });
      expect(await get(agentPool, true, fixture.as("reader"))).toMatchObject({ sources: [] });
    }
  });

  test("are not overwritten with an old etag, not even one of settings that were deleted", async () => {
    const first = await set({ sources: [direct] }, { etag: "0" });
    await expect(set({ sources: [] }, { etag: "0" })).rejects.toMatchObject({ code: "etag_mismatch" });
    const second = await set({ sources: [mirror] }, { etag: first.etag });
    await expect(set({ sources: [] }, { etag: first.etag })).rejects.toMatchObject({ code: "etag_mismatch" });
    await deleteProviderSettings(fixture.control, owner, at());
    await expect(deleteProviderSettings(fixture.control, owner, at())).rejects.toMatchObject({ code: "not_found" });
    await fixture.clock.advance(1_000);
    const again = await set({ sources: [direct] }, { etag: "0" });
    expect([first.etag, second.etag]).not.toContain(again.etag);
  });

  test("are only checked on trial", async () => {
    expect(await set({ sources: [mirror] }, { isTrial: true })).toMatchObject({ sources: [mirror], etag: "0" });
    expect(await get()).toMatchObject({ sources: [], updatedAt: null });
    await expect(set({ hosts: [{ host: "a b", token: "x" }] }, { isTrial: true })).rejects.toMatchObject({
      code: "validation",
    });
  });

  test("go with their pool and with their organization", async () => {
    const { control, admin, organization } = fixture;
    await set({ hosts: [registry] });
    await set({ hosts: [registry] }, { agentPool: "prod" });
    const rest = () =>
      control.store.read(async (q) => [
        await q.providerSettings.get(pool.id),
        await q.providerSettings.get(organization.id),
      ]);
    await deletePool(control, owner, { organization: "acme", name: "prod" });
    expect(await rest()).toEqual([undefined, expect.objectContaining({ id: organization.id })]);
    await deleteOrganization(control, admin, { organization: "acme", isForced: false });
    expect(await rest()).toEqual([undefined, undefined]);
  });

  test("leave records that name everything but tokens", async () => {
    const { cert } = selfSigned(fixture.clock.now());
    const other = { host: "b.example", token: "another-token" };
    await set({ sources: [mirror, direct], hosts: [registry, other], caCertificates: cert }, { agentPool: "prod" });
    await set({ hosts: [{ ...registry, token: "" }, other] }, { agentPool: "prod" });
    await deleteProviderSettings(fixture.control, owner, at("prod"));
    const filter = { organizationId: null, action: "", actor: "", resource: "", since: null, until: null };
    const records = await fixture.control.store.read((q) => q.audit.listForward(filter, { after: null, limit: 10 }));
    const update = {
      pool: "prod",
      sources: "https://mirror.example/ include=hashicorp/*, direct",
      hosts: "b.example, registry.example.com:9443",
      ca_certificates: "1",
    };
    expect(records.map(({ action, resource, detail }) => ({ action, resource, detail }))).toEqual(
      expect.arrayContaining([
        {
          action: "provider_settings.update",
          resource: pool.id,
          detail: { ...update, new_tokens: "b.example, registry.example.com:9443" },
        },
        { action: "provider_settings.update", resource: pool.id, detail: { ...update, new_tokens: "b.example" } },
        { action: "provider_settings.delete", resource: pool.id, detail: { pool: "prod" } },
      ]),
    );
    expect(JSON.stringify(records)).not.toMatch(/token-of-acme|another-token/);
  });

  test("lie in the database without tokens in clear", async () => {
    await set({ hosts: [registry] });
    const row = await fixture.control.store.read((q) => q.providerSettings.get(fixture.organization.id));
    expect(Buffer.from(row?.sealedValue ?? []).includes(registry.token)).toBe(false);
    expect(JSON.stringify({ ...row, sealedValue: null })).not.toContain(registry.token);
  });
});

describe("a job", () => {
  test("of a pool gets the pool's settings over the organization's, tokens in clear", async () => {
    await set({ sources: [direct], hosts: [registry, { host: "b.example", token: "b-token" }] });
    await set({ sources: [mirror], hosts: [{ ...registry, token: "token-of-prod" }] }, { agentPool: "prod" });
    expect(await providersOfJob(fixture.control, await startedJob(pool.id))).toEqual({
      sources: [mirror],
      hosts: [
        { host: "b.example", token: "b-token" },
        { host: registry.host, token: "token-of-prod" },
      ],
      caCertificates: "",
    });
    expect(await get("prod", true)).toMatchObject({ sources: [mirror], hosts: ["b.example", registry.host], etag: "" });
  });

  test("of the server agent gets the organization's", async () => {
    await set({ sources: [direct] });
    await set({ sources: [mirror] }, { agentPool: "prod" });
    expect(await providersOfJob(fixture.control, await startedJob(null))).toMatchObject({ sources: [direct] });
  });

  test("gets nothing where nobody has set anything", async () => {
    const nothing = { sources: [], hosts: [], caCertificates: "" };
    expect(await providersOfJob(fixture.control, await startedJob(pool.id))).toEqual(nothing);
  });

  test("that was not granted gets no tokens, and no person does", async () => {
    await set({ hosts: [registry] });
    const offered = await startedJob(null, false);
    for (const who of [offered, owner, fixture.admin])
      await expect(providersOfJob(fixture.control, who)).rejects.toMatchObject({ code: "permission_denied" });
  });
});

describe("what is refused", () => {
  const hosts = (...given: { host: string; token: string }[]) => set({ hosts: given });

  test("hosts that are alike, however they are written", async () => {
    await expect(
      hosts({ host: "Registry.example.com:443", token: "a" }, { host: "registry.example.com", token: "b" }),
    ).rejects.toMatchObject(refused("changes.hosts[1].host", "changes.hosts[0] is the same host"));
  });

  test("a host without a token that has none yet, and tokens that no header takes, without repeating them", async () => {
    await expect(hosts({ host: "a.example", token: "" })).rejects.toMatchObject(
      refused("changes.hosts[0].token", "a.example has no token yet"),
    );
    for (const token of ["two words", "line\nbreak", "naïve"]) {
      const refusal = hosts({ host: "a.example", token });
      await expect(refusal).rejects.toMatchObject(refused("changes.hosts[0].token", "no header takes"));
      await expect(refusal).rejects.not.toThrow(token);
    }
  });

  test("sources that terraform would refuse, each by its place", async () => {
    const bad: ProviderSource = { ...direct, exclude: ["*/*", "*/random"] };
    await expect(set({ sources: [direct, bad] })).rejects.toMatchObject(
      refused("changes.sources[1].exclude[1]", "nothing but * behind a *"),
    );
    await expect(
      set({ sources: [{ ...mirror, url: "http://mirror.example/" }] } as SettingsChanges),
    ).rejects.toMatchObject(refused("changes.sources[0].network_mirror.url", "begins with https://"));
    await expect(set({ sources: [{ ...direct, kind: "filesystem", path: "providers" }] })).rejects.toMatchObject(
      refused("changes.sources[0].filesystem_mirror.path", "an absolute path"),
    );
  });

  test("texts that are no certificates, and private keys above all", async () => {
    const { cert, key } = selfSigned(fixture.clock.now());
    const field = "changes.ca_certificates";
    await expect(set({ caCertificates: "hello" })).rejects.toMatchObject(refused(field, "no certificate in PEM form"));
    await expect(set({ caCertificates: `${cert}${cert.replace("MII", "AAA")}` })).rejects.toMatchObject(
      refused(field, "a certificate that cannot be read (number 2 of 2)"),
    );
    for (const kind of ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]) {
      const text = `${cert}${key.replaceAll("PRIVATE KEY", kind)}`;
      await expect(set({ caCertificates: text })).rejects.toMatchObject(refused(field, "holds a private key"));
    }
  });
});

describe("certificates", () => {
  test("are stored once each, in one form, with nothing between them", async () => {
    const first = selfSigned(fixture.clock.now()).cert;
    const second = selfSigned(fixture.clock.now()).cert;
    const text = `# ours\r\n${first.replaceAll("\n", "\r\n")}\n# theirs\n${second}\n${first}`;
    expect((await set({ caCertificates: text })).caCertificates).toBe(`${first}${second}`);
    expect((await set({ caCertificates: " \n" })).caCertificates).toBe("");
  });

  test("that are over, not yet good or soon over are accepted with a warning that names them", async () => {
    const dayMs = 86_400_000;
    const certificateOf = (days: number) => selfSigned(new Date(fixture.clock.now().getTime() + days * dayMs)).cert;
    const warningsOf = async (days: number) => (await set({ caCertificates: certificateOf(days) })).warnings;
    expect(await warningsOf(-9)).toEqual([expect.stringMatching(/^the certificate CN=localhost expired on \d{4}-/)]);
    expect(await warningsOf(9)).toEqual([expect.stringContaining("is valid only from")]);
    expect(await warningsOf(0)).toEqual([expect.stringContaining("expires on")]);
    expect((await get()).warnings).toHaveLength(1);
    await fixture.clock.advance(9 * dayMs);
    expect((await get()).warnings).toEqual([expect.stringContaining("expired on")]);
  });
});
