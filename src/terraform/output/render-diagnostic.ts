import { renderDifferenceBlock } from "./difference/render-difference.ts";
import type { Diagnostic, Snippet } from "./events.ts";
import { wrapLine } from "./word-wrap.ts";

/** Terraform wraps at 78 columns when it does not write to a terminal, and leaves the last one free. */
const wrapAt = 77;

const titles: Readonly<Record<string, string>> = { error: "Error: ", warning: "Warning: " };

/** A diagnostic as `terraform -no-color` prints it (its `format.DiagnosticPlain`); `line` is the event's. */
export function renderDiagnostic(diagnostic: Diagnostic, line: string): string {
  const { severity, summary, detail = "" } = diagnostic;
  if (typeof summary !== "string") throw new TypeError("no summary");
  const lines =
    detail === "" ? [] : detail.split("\n").map((line) => (line.startsWith(" ") ? line : wrapLine(line, wrapAt)));
  const text = lines.map((line) => `${line}\n`).join("");
  return `\n${titles[severity] ?? ""}${summary}\n\n${renderSource(diagnostic, line)}${text}`;
}

function renderSource({ address, range, snippet, difference }: Diagnostic, line: string): string {
  const subject = address === undefined || address === "" ? "" : `  with ${address},\n`;
  if (range === undefined) return subject;
  const place = `  on ${range.filename} line ${range.start.line}`;
  if (snippet === undefined) return `${subject}${place}:\n  (source code not available)\n\n`;
  const context = snippet.context === undefined || snippet.context === null ? "" : `, in ${snippet.context}`;
  const code = snippet.code
    .split("\n")
    .map((line, index) => `${String(snippet.start_line + index).padStart(4)}: ${line}\n`)
    .join("");
  return `${subject}${place}${context}:\n${code}${renderValues(snippet)}${difference === undefined ? "" : renderDifferenceBlock(line)}\n`;
}

function renderValues({ values, function_call: call }: Snippet): string {
  const known = [...(values ?? [])].sort((a, b) => (a.traversal < b.traversal ? -1 : 1));
  const signature = call?.signature;
  if (known.length === 0 && signature === undefined) return "";
  const lines = known.map(({ traversal, statement }) => `    │ ${traversal} ${statement}\n`);
  if (signature !== undefined) {
    const params = (signature.params ?? []).map(({ name }) => name);
    const variadic = signature.variadic_param === undefined ? [] : [`${signature.variadic_param.name}...`];
    lines.unshift(`    │ while calling ${call?.called_as}(${[...params, ...variadic].join(", ")})\n`);
  }
  return `    ├────────────────\n${lines.join("")}`;
}

/** A rendered diagnostic and where it belongs. */
export interface PlacedDiagnostic {
  readonly text: string;
  readonly place: DiagnosticPlace;
}

/** What terraform sorts diagnostics by: warnings first, then those of no place, then by place. */
export type DiagnosticPlace = readonly [severity: number, filename: string, start: number, end: number];

export const placeOf = ({ severity, range }: Diagnostic): DiagnosticPlace => [
  severity === "warning" ? 0 : 1,
  String(range?.filename ?? ""),
  Number(range?.start?.byte ?? 0),
  Number(range?.end?.byte ?? 0),
];

/** In the order in which terraform prints them; events carry them in any order. */
export const sortDiagnostics = (diagnostics: readonly PlacedDiagnostic[]): readonly PlacedDiagnostic[] =>
  [...diagnostics].sort((a, b) => comparePlaces(a.place, b.place));

function comparePlaces(a: DiagnosticPlace, b: DiagnosticPlace): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  if (a[1] !== b[1]) return a[1] < b[1] ? -1 : 1;
  return a[2] - b[2] || a[3] - b[3];
}
