import { parseArgs } from "node:util";
import { settingText } from "./setting-schemas.ts";
import { type Settings, suggestion } from "./settings.ts";
import { indentOf, wrapLine } from "./text/wrap-text.ts";

/** What a program of settings was called with. */
export type CommandLine =
  | { readonly kind: "flags"; readonly flags: Readonly<Record<string, unknown>> }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/**
 * Reads `--name value`, `--name=value` and `--name` for booleans. Unknown flags and stray words are problems with a
 * suggestion.
 */
export function readCommandLine(
  settings: Settings,
  argv: readonly string[],
  switches: ReadonlySet<string>,
): CommandLine {
  return readArguments(settings, argv, { switches, own: [], maxWords: 0 });
}

/** What a command takes beside the settings of its program. */
export interface ArgumentShape {
  /** Flags, of the settings and its own, that need no value. */
  readonly switches: ReadonlySet<string>;
  /** Names of its own flags. */
  readonly own: readonly string[];
  /** How many words may stand beside the flags. */
  readonly maxWords: number;
}

export type Arguments =
  | (Extract<CommandLine, { kind: "flags" }> & {
      /** Its own flags; a switch is "true". */
      readonly own: Readonly<Record<string, string>>;
      readonly words: readonly string[];
    })
  | Exclude<CommandLine, { kind: "flags" }>;

/**
 * Reads the arguments of a command: flags of the settings, flags of its own, and words. `-` is a word; `-o` is
 * `--output`.
 */
export function readArguments(settings: Settings, argv: readonly string[], shape: ArgumentShape): Arguments {
  const names = [...Object.values(settings).flatMap(({ flag }) => flag ?? []), ...shape.own];
  const flags: Record<string, string> = {};
  const own: Record<string, string> = {};
  const words: string[] = [];
  const problems: string[] = [];
  for (const token of tokensOf(argv, names, shape.switches)) {
    if (token.kind === "positional") {
      words.push(token.value);
      if (words.length > shape.maxWords) problems.push(`unexpected argument "${token.value}"`);
    }
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.name === "h") return { kind: "help" };
    if (token.name === "version") return { kind: "version" };
    if (!names.includes(token.name)) problems.push(unknownFlag(token, names));
    else if (!shape.switches.has(token.name) && token.value === undefined)
      problems.push(`--${token.name} needs a value`);
    else (shape.own.includes(token.name) ? own : flags)[token.name] = token.value ?? "true";
  }
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "flags", flags, own, words };
}

const unknownFlag = (
  { name, rawName }: { readonly name: string; readonly rawName: string },
  names: readonly string[],
) => `unknown flag ${rawName}${suggestion(name, names).replace("did you mean ", "did you mean --")}`;

function tokensOf(argv: readonly string[], names: readonly string[], switches: ReadonlySet<string>) {
  const typeOf = (name: string) => (switches.has(name) ? ("boolean" as const) : ("string" as const));
  const output = names.includes("output") ? { output: { type: "string" as const, short: "o" } } : {};
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...Object.fromEntries(names.map((name) => [name, { type: typeOf(name) }])),
      ...output,
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
  });
  return tokens;
}

/** A part of a help text: names with what they mean. */
export interface HelpSection {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, about: string])[];
}

export interface HelpParts {
  readonly usage: string;
  readonly about: string;
  readonly examples: readonly string[];
  /** Stand before the settings. */
  readonly sections?: readonly HelpSection[] | undefined;
}

const nameWidth = 28;
const variableWidth = 36;
/** Where what a setting means begins, beside its names. */
const meaningColumn = 2 + nameWidth + 1 + variableWidth + 1;
/** Less room than this beside the names is worse than a line below them. */
const minMeaningWidth = 40;

/**
 * The help text of a program: examples first, then what it has beside settings, then every setting with its variable and
 * default. `width` is the terminal's; undefined breaks no lines.
 */
export function helpText(
  settings: Settings,
  { usage, about, examples, sections = [] }: HelpParts,
  width?: number | undefined,
): string {
  const rows = Object.values(settings).flatMap((row) => settingLines(row, width));
  const before = [
    `Usage: ${usage}`,
    "",
    about,
    "",
    "Examples:",
    ...examples.map((line) => `  ${line}`),
    "",
    ...sections.flatMap(sectionLines),
    ...(rows.length === 0 ? [] : ["Settings (flag, variable, meaning; every variable also as …_FILE):"]),
  ];
  const lines = [...before.flatMap((line) => wrapLine(line, width, indentOf(line, width))), ...rows];
  return `${lines.join("\n").trimEnd()}\n`;
}

function settingLines(
  { flag, env, about, fallback, schema }: Settings[string],
  width: number | undefined,
): readonly string[] {
  const name = flag === undefined ? "" : `--${flag}`;
  const text = fallback.kind === "value" && fallback.value !== undefined ? settingText(schema, fallback.value) : "";
  const meaning = `${about}${text === "" ? "" : ` [${text}]`}`;
  const names = `  ${name.padEnd(nameWidth)} ${(env ?? "").padEnd(variableWidth)}`;
  if (width !== undefined && width < meaningColumn + minMeaningWidth) {
    return [names.trimEnd(), ...wrapLine(`      ${meaning}`, width, 6)];
  }
  return wrapLine(`${names} ${meaning}`, width, meaningColumn);
}

/** How wide lines for this stream may be; undefined if it is no terminal. */
export const terminalWidth = ({
  isTTY,
  columns,
}: {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}): number | undefined => (isTTY === true ? columns : undefined);

function sectionLines({ title, rows }: HelpSection): readonly string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [`${title}:`, ...rows.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`), ""];
}
