import { parsed, type SettingSchema, written } from "../lib/setting-schemas.ts";
import { parseLabels } from "../lib/words/labels.ts";

/** `zone=a,gpu`: labels, with a value or without. */
export const labels = (): SettingSchema<Readonly<Record<string, string>>> =>
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
