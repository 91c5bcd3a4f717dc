import type { MessageInitShape } from "@bufbuild/protobuf";
import { invalid } from "../../control/core/refusals.ts";
import type { ProviderSettingsView, SettingsChanges } from "../../control/workspaces/provider-settings.ts";
import type { ProviderSource, SourcePlace } from "../../domain/workspaces/provider-settings.ts";
import type {
  ProviderSettings as ProviderSettingsMessage,
  ProviderSettingsSchema,
  ProviderSource as ProviderSourceMessage,
  ProviderSourceSchema,
} from "../../gen/windlass/v1/provider_settings_pb.ts";
import type { UpdatableFields } from "./field-mask.ts";
import { toTime } from "./time.ts";

/** Tokens are never answered. */
export const toProviderSettings = (view: ProviderSettingsView): MessageInitShape<typeof ProviderSettingsSchema> => ({
  organization: view.organizationName,
  agentPool: view.poolName,
  sources: view.sources.map(toSource),
  hosts: view.hosts.map((host) => ({ host, tokenSet: true })),
  caCertificates: view.caCertificates,
  warnings: [...view.warnings],
  updateTime: toTime(view.updatedAt),
  etag: view.etag,
});

const toSource = (source: ProviderSource): MessageInitShape<typeof ProviderSourceSchema> => ({
  source: toPlace(source),
  include: [...source.include],
  exclude: [...source.exclude],
});

function toPlace(place: SourcePlace): NonNullable<MessageInitShape<typeof ProviderSourceSchema>["source"]> {
  switch (place.kind) {
    case "filesystem":
      return { case: "filesystemMirror", value: { path: place.path } };
    case "network":
      return { case: "networkMirror", value: { url: place.url } };
    case "direct":
      return { case: "direct", value: {} };
  }
}

function fromSource({ source, include, exclude }: ProviderSourceMessage): ProviderSource {
  switch (source.case) {
    case "filesystemMirror":
      return { kind: "filesystem", path: source.value.path, include, exclude };
    case "networkMirror":
      return { kind: "network", url: source.value.url, include, exclude };
    case "direct":
      return { kind: "direct", include, exclude };
    case undefined:
      throw invalid("changes.sources", "expected one of filesystem_mirror, network_mirror and direct in each");
  }
}

export const providerSettingsFields: UpdatableFields<ProviderSettingsMessage, SettingsChanges> = {
  sources: ({ sources }) => ({ sources: sources.map(fromSource) }),
  hosts: ({ hosts }) => ({ hosts: hosts.map(({ host, token }) => ({ host, token })) }),
  ca_certificates: ({ caCertificates }) => ({ caCertificates }),
};
