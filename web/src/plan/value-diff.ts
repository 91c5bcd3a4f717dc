import { diffLines } from "diff";
import type { AttributeChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { isJson, prettyJson } from "./pretty-json.ts";

export interface DiffLine {
  readonly sign: "+" | "-" | " ";
  readonly text: string;
}

/** How a value changes, as it is shown. */
export type ValueDiff =
  | { readonly kind: "words"; readonly before: string; readonly after: string }
  | { readonly kind: "lines"; readonly lines: readonly DiffLine[]; readonly what: string };

type Change = Pick<AttributeChange, "beforeJson" | "afterJson" | "unknown" | "sensitive" | "tooLong">;

const known = "(known after apply)";
/** Around what changes so many lines stay. */
const contextLines = 3;

/** The string that a JSON text is, if it is one. */
function stringOf(json: string): string | undefined {
  if (!json.startsWith('"') || !isJson(json)) return undefined;
  const value: unknown = JSON.parse(json);
  return typeof value === "string" ? value : undefined;
}

interface Comparable {
  readonly text: string;
  readonly what: string;
}

/** A value of several lines, and what it is; undefined for one that fits into a line. */
function linesOf(json: string): Comparable | undefined {
  const text = stringOf(json);
  if (text === undefined)
    return /^[[{]./.test(json) && json.length > 2 ? { text: prettyJson(json), what: "" } : undefined;
  if (/^\s*[[{]/.test(text) && isJson(text)) return { text: prettyJson(text), what: "JSON" };
  return text.includes("\n") ? { text, what: "text" } : undefined;
}

/** Makes white space readable. */
const visible = (text: string): string =>
  text.replaceAll(" ", "·").replaceAll("\t", "⇥").replaceAll("\r", "␍").replaceAll("\n", "⏎");

const isOnlySpace = (before: string, after: string): boolean =>
  before !== after && before.replaceAll(/\s/g, "") === after.replaceAll(/\s/g, "");

export function valueDiff({ beforeJson, afterJson, unknown, sensitive, tooLong }: Change): ValueDiff {
  if (sensitive) return { kind: "words", before: "(sensitive)", after: unknown ? known : "(sensitive)" };
  if (tooLong) return { kind: "words", before: "", after: "(too long: the log of the plan has it)" };
  const before = stringOf(beforeJson);
  const after = stringOf(afterJson);
  if (before !== undefined && after !== undefined && isOnlySpace(before, after))
    return { kind: "words", before: visible(before), after: visible(after) };
  const [old, now] = [linesOf(beforeJson), unknown ? undefined : linesOf(afterJson)];
  if (old === undefined && now === undefined)
    return { kind: "words", before: beforeJson, after: unknown ? known : afterJson };
  const lines = compare(old?.text ?? beforeJson, unknown ? known : (now?.text ?? afterJson));
  return { kind: "lines", lines, what: now?.what ?? old?.what ?? "" };
}

function compare(before: string, after: string): readonly DiffLine[] {
  const all = diffLines(ended(before), ended(after)).flatMap(({ value, added, removed }) =>
    value
      .replace(/\n$/, "")
      .split("\n")
      .map((text): DiffLine => ({ sign: added ? "+" : removed ? "-" : " ", text })),
  );
  return withContext(all);
}

const ended = (text: string): string => (text === "" || text.endsWith("\n") ? text : `${text}\n`);

/** The lines that change, with some around them, and how many are left out between. */
function withContext(lines: readonly DiffLine[]): readonly DiffLine[] {
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - contextLines), at + contextLines + 1).some(({ sign }) => sign !== " "),
  );
  const shown: DiffLine[] = [];
  let hidden = 0;
  const sayHidden = () => {
    if (hidden > 0) shown.push({ sign: " ", text: `… ${hidden} unchanged ${hidden === 1 ? "line" : "lines"}` });
    hidden = 0;
  };
  for (const [at, line] of lines.entries()) {
    if (!isNear[at]) {
      hidden += 1;
      continue;
    }
    sayHidden();
    shown.push(line);
  }
  sayHidden();
  return shown;
}
