import { type Arguments, type FlagShapes, readArguments } from "./arguments.ts";
import { didYouMean } from "./did-you-mean.ts";
import { flag, settingText } from "./setting-schemas.ts";
import type { Settings } from "./settings.ts";
import { indentOf, wrapLine } from "./text/wrap-text.ts";

/** What a program of settings was called with. */
export type CommandLine =
  | {
      readonly kind: "flags";
      /** Flags of the settings, and those of the command itself. */
      readonly flags: Readonly<Record<string, string>>;
      /** A switch that is off is absent. */
      readonly own: Readonly<Record<string, string>>;
      readonly words: readonly string[];
    }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** A flag of one command, beside the settings. */
export interface CommandFlag {
  readonly name: string;
  /** What stands behind it; absent for a switch. */
  readonly value?: string;
  readonly about: string;
  /** One letter. */
  readonly short?: string;
}

/** What a command takes beside the settings of its program. */
export interface CommandShape {
  readonly own: readonly CommandFlag[];
  /** How many words may stand beside the flags. */
  readonly maxWords: number;
}

const commonFlags = { help: { isSwitch: true, short: "h" }, version: { isSwitch: true } };

/** Reads the command line of a daemon. `-` is a word; of a flag that is given again the last one counts, as in the units of services, unless it takes several values. */
export function readCommandLine(
  settings: Settings,
  argv: readonly string[],
  { own, maxWords }: CommandShape,
): CommandLine {
  const [ofSettings, ofCommand] = [shapesOfSettings(settings), shapesOfCommand(own)];
  const shapes = { ...ofSettings, ...ofCommand };
  const read = readArguments(argv, { ...shapes, ...commonFlags });
  const { given, words } = read;
  if (given.has("help")) return { kind: "help" };
  if (given.has("version")) return { kind: "version" };
  const valuesOf = (some: FlagShapes) =>
    [...given].flatMap(([name, values]) => (name in some ? [[name, textOf(some[name], values)] as const] : []));
  const switches = valuesOf(ofCommand).filter(([name]) => ofCommand[name]?.isSwitch);
  const problems = [
    ...flagProblems(read, Object.keys(shapes)),
    ...switches.flatMap(([name, value]) => switchProblem(name, value) ?? []),
    ...words.slice(maxWords).map((word) => `unexpected argument "${word}"`),
  ];
  if (problems.length > 0) return { kind: "invalid", problems };
  const off = switches.filter(([, value]) => truth.read(value) === false).map(([name]) => name);
  const ownValues = valuesOf(ofCommand).filter(([name]) => !off.includes(name));
  return { kind: "flags", flags: Object.fromEntries(valuesOf(ofSettings)), own: Object.fromEntries(ownValues), words };
}

const textOf = (shape: FlagShapes[string] | undefined, values: readonly string[]): string =>
  shape?.isRepeatable ? values.join(",") : (values.at(-1) ?? "");

const truth = flag();

const switchProblem = (name: string, value: string): string | undefined =>
  truth.read(value) === undefined ? `--${name}: expected ${truth.expected}, got ${JSON.stringify(value)}` : undefined;

function flagProblems({ unknown, valueless }: Arguments, known: readonly string[]): readonly string[] {
  const names = known.map((name) => `--${name}`);
  return [
    ...unknown.map((name) => `unknown flag ${name}${didYouMean(name, names)}`),
    ...valueless.map((name) => `${name} needs a value`),
  ];
}

const shapesOfSettings = (settings: Settings): FlagShapes =>
  Object.fromEntries(
    Object.values(settings).flatMap(({ flag, short, schema: { isSwitch = false, isRepeatable } }) =>
      flag === undefined ? [] : [[flag, { isSwitch, isRepeatable, short }]],
    ),
  );

const shapesOfCommand = (flags: readonly CommandFlag[]): FlagShapes =>
  Object.fromEntries(flags.map(({ name, value, short }) => [name, { isSwitch: value === undefined, short }]));

/** What completion scripts call a daemon with, before the words that stand on the command line. */
export const completionFlag = "--get-yargs-completions";

/** Whether `shell-completion.ts` has to answer. */
export const asksForCompletion = ([first]: readonly string[]): boolean =>
  first === "completion" || first === completionFlag;

/** A part of a help text: names with what they mean. */
export interface HelpSection {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, about: string])[];
}

/** The flags of a command beside the settings. */
export const flagSection = (flags: readonly CommandFlag[]): HelpSection => ({
  title: "Flags",
  rows: flags.map(({ name, value, about }) => [value === undefined ? `--${name}` : `--${name} ${value}`, about]),
});

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
  { flag, env, about, fallback, schema, otherwise }: Settings[string],
  width: number | undefined,
): readonly string[] {
  const name = flag === undefined ? "" : `--${flag}`;
  const text = fallback.kind === "value" && fallback.value !== undefined ? settingText(schema, fallback.value) : "";
  const meaning = `${about}${otherwise === undefined ? "" : ` (default: ${otherwise})`}${text === "" ? "" : ` [${text}]`}`;
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
