import { isJsonObject, type Json, JsonNumber, readJson } from "../../../lib/json/json.ts";
import { goQuote } from "../../../lib/text/go-quote.ts";
import { type Difference, differenceOf, type Sides } from "./difference.ts";
import { type Layout, marginOf, nullSuffix } from "./layout.ts";
import { newBudget } from "./lists.ts";
import { renderText } from "./render-text.ts";

/** Shown whether they differ or not. Source: `importantAttributes` of OpenTofu's renderers/block.go. */
const importantNames = new Set(["id", "name", "tags"]);

/** Of a longer event nobody reads the comparison, and its text can be a hundred times as long. */
const maxEventCharacters = 256 * 1024;

/**
 * The `Diff:` block with which OpenTofu shows both sides of a comparison that failed, read from the line of a
 * diagnostic: every number is as it is written there. "" without one. As `appendDifferenceOutput` of its
 * command/format/diagnostic.go.
 */
export function renderDifferenceBlock(line: string): string {
  const isLarge = line.length > maxEventCharacters;
  const sides = isLarge ? undefined : sidesIn(line);
  if (sides === undefined && !isLarge) return "";
  const text = (sides && attempt(() => textOf(sides))) ?? "(it is too large to be shown here)";
  const lines = `    ${text}`.split("\n").map((one) => `\n    │ ${one}`);
  return `    ├────────────────\n    │ Diff: ${lines.join("")}\n`;
}

function textOf(sides: Sides): string {
  const budget = newBudget();
  const layout = { level: 0, showsAll: false, omitsNull: false, budget, render: renderDifference };
  return renderDifference(differenceOf(sides, budget), layout);
}

/** Nothing for one of too many elements or levels. */
function attempt(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function sidesIn(line: string): Sides | undefined {
  const event = readJson(line);
  const diagnostic = isJsonObject(event) ? event.get("diagnostic") : undefined;
  const difference = isJsonObject(diagnostic) ? diagnostic.get("difference") : undefined;
  if (!isJsonObject(difference)) return undefined;
  return {
    before: difference.get("before") ?? undefined,
    after: difference.get("after") ?? undefined,
    unknown: difference.get("after_unknown"),
    beforeSensitive: difference.get("before_sensitive"),
    afterSensitive: difference.get("after_sensitive"),
  };
}

function renderDifference(difference: Difference, layout: Layout): string {
  const quiet = { ...layout, omitsNull: true };
  switch (difference.kind) {
    case "plain":
      return renderPlain(difference, layout);
    case "object":
      return renderObject(difference, layout);
    case "list":
      return renderList(difference, layout);
    case "type-change":
      return `${renderDifference(difference.before, quiet)} -> ${renderDifference(difference.after, quiet)}`;
    case "unknown":
      return `${difference.before === undefined ? "" : `${renderDifference(difference.before, quiet)} -> `}(known after apply)`;
    case "sensitive":
      return `(sensitive value)${nullSuffix(difference.action, layout)}`;
  }
}

type Of<Kind extends Difference["kind"]> = Extract<Difference, { readonly kind: Kind }>;

function renderPlain(difference: Of<"plain">, layout: Layout): string {
  const { action, before, after } = difference;
  if (typeof before === "string" || typeof after === "string") return renderText({ action, before, after }, layout);
  const [from, to] = [plainText(before), plainText(after)];
  if (action === "create") return to;
  return action === "update" ? `${from} -> ${to}` : `${from}${nullSuffix(action, layout)}`;
}

const plainText = (value: Json | undefined): string =>
  value instanceof JsonNumber ? value.text : String(value ?? null);

function renderObject({ action, attributes }: Of<"object">, layout: Layout): string {
  if (attributes.size === 0) return `{}${nullSuffix(action, layout)}`;
  const names = [...attributes.keys()].map((name) => ({ name, shown: isIdentifier(name) ? name : goQuote(name) }));
  const width = Math.max(...names.map(({ shown }) => Buffer.byteLength(shown)));
  const lines = ["{"];
  let unchanged = 0;
  for (const { name, shown } of names.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
    const attribute = attributes.get(name);
    if (attribute === undefined) continue;
    const showsAll = layout.showsAll || importantNames.has(name);
    if (attribute.action === "no-op" && !showsAll) unchanged += 1;
    else {
      // Go counts bytes for the widest name, and characters for what it fills up.
      const padded = shown + " ".repeat(width - [...shown].length);
      const inner = { ...layout, level: layout.level + 1, showsAll, omitsNull: true };
      lines.push(...warningsOf(attribute, inner.level));
      lines.push(`${marginOf(inner.level, attribute.action)}${padded} = ${renderDifference(attribute, inner)}`);
    }
  }
  if (unchanged > 0) lines.push(hidden("attribute", unchanged, layout));
  return [...lines, `${marginOf(layout.level)}}${nullSuffix(action, layout)}`].join("\n");
}

const isIdentifier = (name: string): boolean => /^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(name);

/** What is the same is shown directly before and after what differs; else it is only counted. */
function renderList({ action, elements }: Of<"list">, layout: Layout): string {
  if (elements.length === 0) return `[]${nullSuffix(action, layout)}`;
  const lines = ["["];
  let skipped: Difference[] = [];
  let showsNext = false;
  for (const element of elements) {
    const isSame = element.action === "no-op";
    if (isSame && !showsNext && !layout.showsAll) {
      skipped.push(element);
      continue;
    }
    if (skipped.length > 1) lines.push(hidden("element", skipped.length - 1, layout));
    lines.push(...elementLines(skipped.slice(-1), layout), ...elementLines([element], layout));
    skipped = [];
    showsNext = !isSame;
  }
  if (skipped.length > 0) lines.push(hidden("element", skipped.length, layout));
  return [...lines, `${marginOf(layout.level)}]${nullSuffix(action, layout)}`].join("\n");
}

const elementLines = (elements: readonly Difference[], layout: Layout): readonly string[] =>
  elements.flatMap((element) => {
    const isSame = element.action === "no-op";
    const level = layout.level + 1;
    const inner = isSame ? { ...layout, level, showsAll: true } : { ...layout, level, omitsNull: true };
    const text = `${marginOf(level, element.action)}${renderDifference(element, inner)},`;
    return [...warningsOf(element, level), text];
  });

function hidden(what: string, count: number, { level }: Layout): string {
  return `${marginOf(level + 1)}# (${count} unchanged ${what}${count === 1 ? "" : "s"} hidden)`;
}

/** A value that is a secret on one side alone. */
function warningsOf(difference: Difference, level: number): readonly string[] {
  if (difference.kind !== "sensitive") return [];
  const { inner, beforeSensitive, afterSensitive } = difference;
  if (beforeSensitive === afterSensitive || inner.action === "create" || inner.action === "delete") return [];
  const margin = "    ".repeat(level);
  const [first, second] = beforeSensitive
    ? ["will no longer be marked as sensitive", "after applying this change."]
    : ["will be marked as sensitive and will not", "display in UI output after applying this change."];
  const same = inner.action === "no-op" ? " The value is unchanged." : "";
  return [`${margin}  # Warning: this attribute value ${first}`, `${margin}  # ${second}${same}`];
}
