import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changesByField, fixedFields, shown, unsetFields } from "../../../test/support/mapping.ts";
import { at } from "../../../test/support/store/rows.ts";
import { toJobProviders } from "../../control/jobs/told-inputs.ts";
import type { ProviderSettingsView } from "../../control/workspaces/provider-settings.ts";
import type { ProviderSource } from "../../domain/workspaces/provider-settings.ts";
import { GetProvidersResponseSchema } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { ProviderSettingsSchema, ProviderSourceSchema } from "../../gen/windlass/v1/provider_settings_pb.ts";
import { providerSettingsFields, toProviderSettings } from "./provider-settings.ts";

const sources: readonly ProviderSource[] = [
  { kind: "filesystem", path: "/opt/providers", include: ["hashicorp/*"], exclude: [] },
  { kind: "network", url: "https://mirror.example/", include: [], exclude: ["acme/*"] },
  { kind: "direct", include: [], exclude: [] },
];

const full: ProviderSettingsView = {
  ...{ organizationName: "acme", poolName: "prod", sources, hosts: ["a.example", "b.example:8443"] },
  ...{ caCertificates: "-----BEGIN", warnings: ["a certificate ends soon"], updatedAt: at(1), etag: "3" },
};

test("settings are told, of tokens only that they are set", () => {
  expect(shown(ProviderSettingsSchema, toProviderSettings(full))).toEqual({
    ...{ organization: "acme", agentPool: "prod", caCertificates: "-----BEGIN", etag: "3" },
    sources: [
      { filesystemMirror: { path: "/opt/providers" }, include: ["hashicorp/*"] },
      { networkMirror: { url: "https://mirror.example/" }, exclude: ["acme/*"] },
      { direct: {} },
    ],
    hosts: [
      { host: "a.example", tokenSet: true },
      { host: "b.example:8443", tokenSet: true },
    ],
    ...{ warnings: ["a certificate ends soon"], updateTime: "2026-01-02T03:04:06.678Z" },
  });
  expect(unsetFields(ProviderSettingsSchema, toProviderSettings(full))).toEqual(["hosts.token"]);
});

test("settings that nobody has made have neither time nor etag", () => {
  const bare = { ...full, poolName: "", sources: [], hosts: [], caCertificates: "", warnings: [], updatedAt: null };
  expect(shown(ProviderSettingsSchema, toProviderSettings({ ...bare, etag: "" }))).toEqual({ organization: "acme" });
});

const patterns = fc.array(fc.string(), { maxLength: 3 });
const anySource = fc.oneof(
  fc.record({ kind: fc.constant("filesystem" as const), path: fc.string(), include: patterns, exclude: patterns }),
  fc.record({ kind: fc.constant("network" as const), url: fc.string(), include: patterns, exclude: patterns }),
  fc.record({ kind: fc.constant("direct" as const), include: patterns, exclude: patterns }),
);

test("sources come back as they were told, each of its kind", () => {
  fc.assert(
    fc.property(fc.array(anySource), (some) => {
      const message = create(ProviderSettingsSchema, toProviderSettings({ ...full, sources: some }));
      expect(providerSettingsFields.sources?.(message)).toEqual({ sources: some });
    }),
  );
});

test("an update reads exactly the field that it names, tokens with their hosts", () => {
  const hosts = [{ host: "a.example", token: "secret-token", tokenSet: true }];
  const message = create(ProviderSettingsSchema, toProviderSettings(full));
  message.hosts = create(ProviderSettingsSchema, { hosts }).hosts;
  expect(changesByField(providerSettingsFields, message)).toEqual({
    sources: { sources },
    hosts: { hosts: [{ host: "a.example", token: "secret-token" }] },
    ca_certificates: { caCertificates: "-----BEGIN" },
  });
  expect(fixedFields(ProviderSettingsSchema, providerSettingsFields)).toEqual([
    ...["organization", "agent_pool", "warnings", "update_time", "etag"],
  ]);
});

test("a source of no kind, as a newer client may send it, is refused with what it could be", () => {
  const message = create(ProviderSettingsSchema, { sources: [create(ProviderSourceSchema, { include: ["a/*"] })] });
  const description = "expected one of filesystem_mirror, network_mirror and direct in each";
  expect(() => providerSettingsFields.sources?.(message)).toThrow(
    expect.objectContaining({ code: "validation", fields: [{ field: "changes.sources", description }] }),
  );
});

test("a job is told the same sources, and tokens in clear", () => {
  const message = toJobProviders({
    ...{ sources, hosts: [{ host: "a.example", token: "secret-token" }], caCertificates: "-----BEGIN" },
  });
  expect(shown(GetProvidersResponseSchema, message)).toEqual({
    sources: [
      { filesystemMirror: "/opt/providers", include: ["hashicorp/*"] },
      { networkMirror: "https://mirror.example/", exclude: ["acme/*"] },
      { direct: true },
    ],
    hosts: [{ host: "a.example", token: "secret-token" }],
    caCertificates: "-----BEGIN",
  });
  expect(unsetFields(GetProvidersResponseSchema, message)).toEqual([]);
});
