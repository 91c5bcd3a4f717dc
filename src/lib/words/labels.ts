import { acceptLabel, labelKeyPattern, labelValuePattern } from "./label-names.ts";

/** As many as the server takes, with one to spare for `accept`. */
const maxLabels = 63;
/** What says of an agent what it is, and is not for its owner to choose. */
const ownKeys: ReadonlySet<string> = new Set(["os", "arch", "name", acceptLabel]);

/** Reads `zone=a,gpu`; undefined if it is none. */
export function parseLabels(text: string): Readonly<Record<string, string>> | undefined {
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
