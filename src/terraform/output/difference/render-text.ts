import { type Json, JsonMistake, readJson } from "../../../lib/json/json.ts";
import { goQuote } from "../../../lib/text/go-quote.ts";
import { type DifferenceAction, differenceOf } from "./difference.ts";
import { type Layout, marginOf, nullSuffix } from "./layout.ts";
import { stepsBetween } from "./lists.ts";

interface Texts {
  readonly action: DifferenceAction;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** A text as it is shown: one that begins with a document of JSON as that document. */
interface Read {
  readonly value: string | undefined;
  /** Without the space around several lines. */
  readonly text: string | undefined;
  readonly json: Json | undefined;
  readonly isLong: boolean;
}

/** What differs in a text. As `renderStringDiff` of OpenTofu's renderers/primitive.go. */
export function renderText({ action, before, after }: Texts, layout: Layout): string {
  const [from, to] = [read(before), read(after)];
  if (action === "update") return renderUpdate(from, to, layout);
  const one = action === "delete" ? from : to;
  if (one.json !== undefined) {
    const json = {
      before: action === "create" ? undefined : one.json,
      after: action === "delete" ? undefined : one.json,
    };
    return renderJson({ action, ...json }, layout);
  }
  if (!one.isLong) return `${simple(one)}${nullSuffix(action, layout)}`;
  const lines = (one.text ?? "").split("\n").map((line) => marginOf(layout.level + 1) + line);
  return heredoc(lines, action, layout);
}

function read(value: Json | undefined): Read {
  if (typeof value !== "string") return { value: undefined, text: undefined, json: undefined, isLong: false };
  const json = /^[{[]/.test(value) ? documentAtStart(value) : undefined;
  if (json !== undefined) return { value, text: value, json, isLong: false };
  const isLong = value.includes("\n");
  return { value, text: isLong ? trimmed(value) : value, json, isLong };
}

/** As Go's `strings.TrimSpace`. */
function trimmed(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && space.test(text[from] ?? "")) from += 1;
  while (to > from && space.test(text[to - 1] ?? "")) to -= 1;
  return text.slice(from, to);
}

const space = /\p{White_Space}/u;

const linesOf = ({ text = "null" }: Read): readonly string[] => text.split("\n");

const simple = ({ text }: Read): string => (text === undefined ? "null" : goQuote(text));

function renderUpdate(from: Read, to: Read, layout: Layout): string {
  if (from.json !== undefined && to.json !== undefined)
    return renderJson({ action: "update", before: from.json, after: to.json }, layout);
  if (from.json !== undefined || to.json !== undefined) {
    const quiet = { ...layout, omitsNull: true };
    const left = renderText({ action: "delete", before: from.value, after: undefined }, quiet);
    return `${left} -> ${renderText({ action: "create", before: undefined, after: to.value }, quiet)}`;
  }
  if (!from.isLong && !to.isLong) return `${simple(from)} -> ${simple(to)}`;
  const [before, after] = [linesOf(from), linesOf(to)];
  const steps = stepsBetween(layout.budget, { before, after, isPair: () => false });
  const lines = steps.map(([left, right]) => {
    const action = left === undefined ? "create" : right === undefined ? "delete" : "no-op";
    return marginOf(layout.level + 1, action) + (left === undefined ? after[right ?? 0] : before[left]);
  });
  return heredoc(lines, "update", layout);
}

const heredoc = (lines: readonly string[], action: DifferenceAction, layout: Layout): string =>
  `<<-EOT\n${lines.join("\n")}\n${marginOf(layout.level)}EOT${nullSuffix(action, layout)}`;

/** As `renderStringDiffAsJson`, where nothing forces a replacement. */
function renderJson({ action, before, after }: Texts, layout: Layout): string {
  const none = { unknown: undefined, beforeSensitive: undefined, afterSensitive: undefined };
  const difference = differenceOf({ before, after, ...none }, layout.budget);
  const isSpace = difference.action === "no-op" && action === "update";
  const note = isSpace ? " # whitespace changes" : "";
  const inner = { ...layout, level: layout.level + 1, showsAll: layout.showsAll || isSpace, omitsNull: true };
  const text = layout.render(difference, inner);
  if (!text.includes("\n")) return `jsonencode(${text})${note}`;
  const symbol = action === "update" && !isSpace ? "update" : "no-op";
  const margin = marginOf(layout.level);
  return `jsonencode(${note}\n${marginOf(inner.level, symbol)}${text}\n${margin})${nullSuffix(action, layout)}`;
}

/** Go's decoder reads one document, whatever follows it. */
function documentAtStart(text: string): Json | undefined {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (isInString) {
      if (character === "\\") at += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    if (depth === 0) return documentIn(text.slice(0, at + 1));
  }
  return undefined;
}

function documentIn(text: string): Json | undefined {
  try {
    return readJson(text);
  } catch (error) {
    if (error instanceof JsonMistake) return undefined;
    throw error;
  }
}
