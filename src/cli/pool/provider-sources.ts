import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProviderSource, ProviderSourceSchema } from "../../gen/windlass/v1/provider_settings_pb.ts";
import { usageError } from "../problems/problem.ts";

/** A source as requests hold it. */
export type NewSource = MessageInitShape<typeof ProviderSourceSchema>;

/** Reads `/PATH`, `https://URL` or `direct`, each with any number of `,include=PATTERN` and `,exclude=PATTERN` behind it. */
export function readSource(text: string): NewSource {
  const [place = "", ...limits] = text.split(",");
  const include: string[] = [];
  const exclude: string[] = [];
  for (const limit of limits) {
    const [, name, pattern = ""] = /^(include|exclude)=(.+)$/.exec(limit.trim()) ?? [];
    if (name === undefined)
      throw usageError(`--source ${text}: behind a comma stands include=PATTERN or exclude=PATTERN, not "${limit}"`);
    (name === "include" ? include : exclude).push(pattern);
  }
  return { source: placeOf(place.trim()), include, exclude };
}

function placeOf(place: string): NonNullable<NewSource["source"]> {
  if (place === "direct") return { case: "direct", value: {} };
  if (place.startsWith("/")) return { case: "filesystemMirror", value: { path: place } };
  if (/^https?:\/\//.test(place)) return { case: "networkMirror", value: { url: place } };
  throw usageError(`--source is /PATH of a directory, https://URL of a network mirror, or direct, not "${place}"`);
}

/** A source as `--source` takes it. */
export function sourceText({ source, include, exclude }: ProviderSource): string {
  const limits = [...include.map((one) => `include=${one}`), ...exclude.map((one) => `exclude=${one}`)];
  return [placeText(source), ...limits].join(",");
}

function placeText(source: ProviderSource["source"]): string {
  switch (source.case) {
    case "filesystemMirror":
      return source.value.path;
    case "networkMirror":
      return source.value.url;
    case "direct":
      return "direct";
    case undefined:
      return "(a kind of source that this program does not know)";
  }
}
