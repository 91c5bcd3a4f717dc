import { parsed, type SettingSchema, written } from "../lib/setting-schemas.ts";
import { acceptLabel, labelKeyPattern, labelValuePattern } from "../lib/words/label-names.ts";

type Labels = Readonly<Record<string, string>>;

/** As many as the server takes, with one to spare for `accept`. */
const maxLabels = 63;
/** What says of an agent what it is, and is not for its owner to choose. */
const ownKeys: ReadonlySet<string> = new Set(["os", "arch", "name", acceptLabel]);

/** `zone=a,gpu`: labels, with a value or without. */
export const labels = (): SettingSchema<Labels> =>
  written(
    parsed(
      "labels such as zone=a,gpu (without os, arch, name and accept, which come by themselves)",
      parseLabels,
      "KEY=VALUE,KEY",
    ),
    (values) =>
      Object.entries(values)
        .map(([key, value]) => (value === "" ? key : `${key}=${value}`))
        .join(","),
  );

/** Reads `zone=a,gpu`; undefined if it is none. */
export function parseLabels(text: string): Labels | undefined {
  const parts = text.split(",").map((part) => part.trim());
  const entries = parts
    .filter((part) => part !== "")
    .map((part) => [part.split("=", 1)[0] ?? "", valueIn(part)] as const);
  const isFine = entries.every(
    ([key, value]) => labelKeyPattern.test(key) && labelValuePattern.test(value) && !ownKeys.has(key),
  );
  return isFine && entries.length <= maxLabels ? Object.fromEntries(entries) : undefined;
}

const valueIn = (part: string): string => (part.includes("=") ? part.slice(part.indexOf("=") + 1) : "");

/** `plan`, `apply`, or both in either order. */
export const acceptedPhases = (): SettingSchema<"plan" | "apply" | "plan,apply"> =>
  parsed(
    "plan, apply or plan,apply",
    (text) => {
      const phases = new Set(text.split(",").map((part) => part.trim()));
      const isKnown = [...phases].every((phase) => phase === "plan" || phase === "apply");
      if (!isKnown) return undefined;
      return phases.size === 2 ? "plan,apply" : phases.has("plan") ? "plan" : "apply";
    },
    "plan,apply",
  );
