import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ProviderSettings,
  ProviderSource,
  ProviderSourceSchema,
  RegistryHostSchema,
} from "../../../../src/gen/windlass/v1/provider_settings_pb.ts";

/** One place where providers come from, as a form has it. */
export interface SourceDraft {
  readonly kind: "filesystem_mirror" | "network_mirror" | "direct";
  /** A path or a URL; nothing for direct. */
  readonly place: string;
  readonly include: string;
  readonly exclude: string;
}

export interface HostDraft {
  readonly host: string;
  /** Empty keeps the one that is set. */
  readonly token: string;
  readonly isSet: boolean;
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "");

export const sourcesOf = (settings: ProviderSettings): readonly SourceDraft[] =>
  settings.sources.flatMap((source) => draftOf(source) ?? []);

function draftOf({ source, include, exclude }: ProviderSource): SourceDraft | undefined {
  const filters = { include: include.join(" "), exclude: exclude.join(" ") };
  switch (source.case) {
    case "filesystemMirror":
      return { kind: "filesystem_mirror", place: source.value.path, ...filters };
    case "networkMirror":
      return { kind: "network_mirror", place: source.value.url, ...filters };
    case "direct":
      return { kind: "direct", place: "", ...filters };
    case undefined:
      return undefined;
  }
}

export const hostsOf = (settings: ProviderSettings): readonly HostDraft[] =>
  settings.hosts.map(({ host, tokenSet }) => ({ host, token: "", isSet: tokenSet }));

export function sourceMessage({
  kind,
  place,
  include,
  exclude,
}: SourceDraft): MessageInitShape<typeof ProviderSourceSchema> {
  const filters = { include: words(include), exclude: words(exclude) };
  switch (kind) {
    case "filesystem_mirror":
      return { source: { case: "filesystemMirror", value: { path: place } }, ...filters };
    case "network_mirror":
      return { source: { case: "networkMirror", value: { url: place } }, ...filters };
    case "direct":
      return { source: { case: "direct", value: {} }, ...filters };
  }
}

export const hostMessage = ({ host, token }: HostDraft): MessageInitShape<typeof RegistryHostSchema> => ({
  host,
  token,
});
