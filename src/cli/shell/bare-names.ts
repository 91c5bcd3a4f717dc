import { entryOf } from "./tree.ts";

/** Placeholders of what `-o name` prints: `RUN`, `[WS]`, `WS...`, `WS|STATE`. */
const objects = new Set("WS RUN POOL AGENT ORG TOKEN SET KEY KEY_ID CV STATE A B VERSION CONTEXT".split(" "));

const partsOf = (placeholder: string): readonly string[] => placeholder.replace(/[[\].]/g, "").split(/[|,]/);

/** Whether a word or the value of a flag with this placeholder names an object. */
const namesObject = (placeholder: string): boolean => partsOf(placeholder).some((part) => objects.has(part));

/** Placeholders of what only an id names. */
const ids = new Set(["ID", "JOB"]);

/** Whether an id may stand there: of an object, or of what has no name. */
export const namesId = (placeholder: string): boolean =>
  namesObject(placeholder) || partsOf(placeholder).some((part) => ids.has(part));

/** The name inside of what `-o name` prints: `net` of `workspace/net`. Whatever else stands there stays as it is. */
export function bareName(word: string, placeholder: string): string {
  if (!namesObject(placeholder)) return word;
  if (placeholder.includes(",")) return word.split(",").map(bare).join(",");
  return bare(word);
}

function bare(word: string): string {
  const at = word.indexOf("/");
  return at > 0 && entryOf(word.slice(0, at))?.kind === "noun" ? word.slice(at + 1) : word;
}
