import { parseArgs } from "node:util";
import type { Settings } from "./settings.ts";
import { suggestion } from "./settings.ts";

/** What a program of settings was called with. */
export type CommandLine =
  | { readonly kind: "flags"; readonly flags: Readonly<Record<string, unknown>> }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads `--name value`, `--name=value` and `--name` for booleans. Unknown flags and stray words are problems with a suggestion. */
export function readCommandLine(
  settings: Settings,
  argv: readonly string[],
  switches: ReadonlySet<string>,
): CommandLine {
  const names = Object.values(settings).flatMap(({ flag }) => flag ?? []);
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries([
      ...names.map((name) => [name, { type: switches.has(name) ? ("boolean" as const) : ("string" as const) }]),
      ["help", { type: "boolean" as const, short: "h" }],
      ["version", { type: "boolean" as const }],
    ]),
  });
  const flags: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") problems.push(`unexpected argument "${token.value}"`);
    if (token.kind !== "option") continue;
    if (token.name === "help" || token.name === "h") return { kind: "help" };
    if (token.name === "version") return { kind: "version" };
    if (!names.includes(token.name)) {
      problems.push(
        `unknown flag ${token.rawName}${suggestion(token.name, names).replace("did you mean ", "did you mean --")}`,
      );
    } else if (!switches.has(token.name) && token.value === undefined) problems.push(`--${token.name} needs a value`);
    else flags[token.name] = token.value ?? "true";
  }
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "flags", flags };
}

/** The help text of a program: examples first, then every setting with its variable and default. */
export function helpText(
  settings: Settings,
  { usage, about, examples }: { readonly usage: string; readonly about: string; readonly examples: readonly string[] },
): string {
  const rows = Object.values(settings).map(({ flag, env, about: what, fallback }) => {
    const name = flag === undefined ? "" : `--${flag}`;
    const value =
      fallback.kind === "value" && fallback.value !== undefined && typeof fallback.value !== "object"
        ? ` [${String(fallback.value)}]`
        : "";
    return `  ${name.padEnd(28)} ${(env ?? "").padEnd(36)} ${what}${value}`;
  });
  const lines = [
    `Usage: ${usage}`,
    "",
    about,
    "",
    "Examples:",
    ...examples.map((line) => `  ${line}`),
    "",
    "Settings (flag, variable, meaning; every variable also as …_FILE):",
    ...rows,
  ];
  return `${lines.join("\n")}\n`;
}
