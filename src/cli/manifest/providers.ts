import { create } from "@bufbuild/protobuf";
import {
  type ProviderSettings,
  ProviderSettingsSchema,
  type ProviderSource,
  ProviderSourceSchema,
} from "../../gen/windlass/v1/provider_settings_pb.ts";
import { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { certificatesIn } from "../../lib/net/pem.ts";
import { given } from "../../lib/values/records.ts";
import { sourceText } from "../pool/provider-sources.ts";
import { maskOf } from "../shared/answers.ts";
import type { FieldChange, ManifestChange } from "./change.ts";
import type { ProvidersSpec, RegistryEntry, SourceEntry } from "./provider-documents.ts";
import { ifFound, type ManifestScope, without } from "./scope.ts";
import { readSecret } from "./secrets.ts";
import { environmentName } from "./variables.ts";

/** Whose settings they are, as requests name it. */
export interface SettingsOwner {
  readonly organization: string;
  /** Empty for the organization's own. */
  readonly agentPool: string;
}

/** The settings of the owner; empty ones if there are none, or if the owner does not exist yet. */
export async function readSettings(
  { context }: Pick<ManifestScope, "context">,
  owner: SettingsOwner,
): Promise<ProviderSettings> {
  const client = await context.client(ProviderSettingsService);
  const found = (await ifFound(client.getProviderSettings({ ...owner })))?.providerSettings;
  return found ?? create(ProviderSettingsSchema);
}

/** What a manifest would do to the settings of their owner. */
export async function planProviders(
  scope: ManifestScope,
  owner: SettingsOwner,
  spec: ProvidersSpec,
): Promise<Pick<ManifestChange, "fields" | "notes" | "steps">> {
  const current = await readSettings(scope, owner);
  const sources = planSources(current, spec.sources);
  const hosts = await planHosts(scope, current, spec.registries);
  const certificates = planCertificates(current, spec.caCertificates);
  const write = async () => {
    const client = await scope.context.client(ProviderSettingsService);
    const wanted = { sources: sources.wanted, hosts: hosts.wanted, ca_certificates: certificates.wanted };
    const changes = given({ sources: wanted.sources, hosts: wanted.hosts, caCertificates: wanted.ca_certificates });
    await client.updateProviderSettings({ ...owner, changes, updateMask: maskOf(wanted), etag: current.etag });
  };
  const isWritten = [sources, hosts, certificates].some(({ wanted }) => wanted !== undefined);
  return {
    fields: [...sources.fields, ...hosts.fields, ...certificates.fields],
    notes: hosts.notes,
    steps: isWritten ? [write] : [],
  };
}

interface Part<T> {
  readonly fields: readonly FieldChange[];
  /** What is to be written; undefined: it stays as it is. */
  readonly wanted: T | undefined;
}

function planSources(current: ProviderSettings, entries: ProvidersSpec["sources"]): Part<ProviderSource[]> {
  if (entries === undefined) return { fields: [], wanted: undefined };
  const wanted = entries.map(sourceOf);
  return compared("sources", { from: textsOf(current.sources), to: textsOf(wanted), wanted });
}

const textsOf = (sources: readonly ProviderSource[]): string => sources.map(sourceText).join("; ");

function planCertificates(current: ProviderSettings, text: string | undefined): Part<string> {
  if (text === undefined) return { fields: [], wanted: undefined };
  const pemOf = (one: string) => [...new Set(certificatesIn(one).map(({ pem }) => pem))].join("");
  if (pemOf(text) === pemOf(current.caCertificates)) return { fields: [], wanted: undefined };
  const path = "caCertificates";
  return { fields: [{ path, from: subjectsOf(current.caCertificates), to: subjectsOf(text) }], wanted: text };
}

const subjectsOf = (text: string): string =>
  certificatesIn(text)
    .map(({ subject, validTo }) => `${subject} (until ${validTo.toISOString().slice(0, 10)})`)
    .join("; ");

const compared = <T>(path: string, { from, to, wanted }: { from: string; to: string; wanted: T }): Part<T> =>
  from === to ? { fields: [], wanted: undefined } : { fields: [{ path, from, to }], wanted };

interface HostWithToken {
  readonly host: string;
  /** Empty: it keeps its own. */
  readonly token: string;
}

interface Hosts extends Part<HostWithToken[]> {
  readonly notes: readonly string[];
}

/** Tokens are not compared: nobody gets them back. */
async function planHosts(
  scope: ManifestScope,
  { hosts }: ProviderSettings,
  entries: ProvidersSpec["registries"],
): Promise<Hosts> {
  if (entries === undefined) return { fields: [], notes: [], wanted: undefined };
  const known = hosts.map(({ host }) => host);
  const named = entries.map(({ host }) => host);
  const added = without(named, known);
  const removed = scope.prunes ? without(known, named) : [];
  const renewed = entries.filter(({ host, tokenFrom }) => known.includes(host) && tokenFrom !== undefined);
  const others = without(without(known, named), removed).map((host) => ({ host, token: "" }));
  const wanted = [...others, ...(await Promise.all(entries.map((entry) => withToken(scope, entry))))];
  return {
    fields: [
      ...added.map((host) => ({ path: `registries.${host}`, from: undefined, to: "(token)" })),
      ...removed.map((host) => ({ path: `registries.${host}`, from: "(token)", to: undefined })),
    ],
    notes: renewed.map(({ host }) => `registries.${host}: (token: written each time)`),
    wanted: added.length + removed.length + renewed.length > 0 ? wanted : undefined,
  };
}

async function withToken(scope: ManifestScope, { host, tokenFrom }: RegistryEntry): Promise<HostWithToken> {
  const isRead = tokenFrom !== undefined && scope.readsSecrets;
  return { host, token: isRead ? await readSecret(scope, `registry ${host}`, tokenFrom) : "" };
}

const sourceOf = ({ filesystemMirror, networkMirror, include = [], exclude = [] }: SourceEntry): ProviderSource =>
  create(ProviderSourceSchema, {
    source:
      filesystemMirror !== undefined
        ? { case: "filesystemMirror", value: { path: filesystemMirror } }
        : networkMirror !== undefined
          ? { case: "networkMirror", value: { url: networkMirror } }
          : { case: "direct", value: {} },
    include,
    exclude,
  });

/** Settings as a manifest writes them; tokens are only named, each by its owner and host. */
export function providersSpecOf(owner: string, settings: ProviderSettings): ProvidersSpec {
  const { sources, hosts, caCertificates } = settings;
  return {
    sources: sources.map(entryOf),
    registries: hosts.map(({ host }) => ({ host, tokenFrom: { env: environmentName(`${owner}_${host}`) } })),
    caCertificates: caCertificates || undefined,
  };
}

function entryOf({ source, include, exclude }: ProviderSource): SourceEntry {
  const limits = {
    include: include.length === 0 ? undefined : [...include],
    exclude: exclude.length === 0 ? undefined : [...exclude],
  };
  switch (source.case) {
    case "filesystemMirror":
      return { filesystemMirror: source.value.path, ...limits };
    case "networkMirror":
      return { networkMirror: source.value.url, ...limits };
    case "direct":
    case undefined:
      return { direct: true, ...limits };
  }
}

/** True if somebody has set anything. */
export const isSet = ({ sources, hosts, caCertificates }: ProviderSettings): boolean =>
  sources.length + hosts.length + caCertificates.length > 0;
