// Writes the reference of the settings from src/settings: docs/settings.md below the directory that is given.
// Use: node scripts/settings-reference.ts DIR
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingText } from "../src/lib/setting-schemas.ts";
import type { Setting, Settings } from "../src/lib/settings.ts";
import { agentSettings } from "../src/settings/agent.ts";
import { clientSettings } from "../src/settings/client.ts";
import { serverSettings } from "../src/settings/server.ts";

const head = `# Settings

Made from \`src/settings\` by \`npm run generate\`. A flag wins over a variable, a variable over a file, a file over the default. \`X_FILE\` names a file
that holds the value of the variable \`X\`; the end of its last line does not count. A variable that is empty is not given. All three programs know
each other's variables; one that is nobody's keeps the daemons from starting, and \`windlass\` warns of it. A flag of the kind \`switch\` is given
alone, or as \`--flag=false\`; its variable is \`true\`, \`1\`, \`false\` or \`0\`. Durations are written \`90s\`, \`2h30m\` or \`7d\`, sizes \`100MiB\` or
\`64KB\`.`;

const programs: readonly { readonly title: string; readonly about: string; readonly settings: Settings }[] = [
  {
    title: "windlassd",
    about:
      "`--config` may name a YAML file with the same names as the flags. What a start would take, and why: `windlassd config print --origin`.",
    settings: serverSettings,
  },
  {
    title: "windlass-agent",
    about:
      "The token never stands on a command line. What a start would take, and why: `windlass-agent config print --origin`.",
    settings: agentSettings,
  },
  {
    title: "windlass",
    about:
      "The flags that every command takes. Between variables and defaults stands the saved context. What holds, and why: `windlass context show --origin`.",
    settings: clientSettings,
  },
];

function main([outDir]: readonly string[]): void {
  if (outDir === undefined) throw new Error("use: node scripts/settings-reference.ts DIR");
  mkdirSync(join(outDir, "docs"), { recursive: true });
  const parts = programs.map(({ title, about, settings }) => `## ${title}\n\n${about}\n\n${tableOf(settings)}`);
  writeFileSync(join(outDir, "docs", "settings.md"), `${[head, ...parts].join("\n\n")}\n`);
}

const tableOf = (settings: Settings): string =>
  [
    row(["flag", "variable", "kind", "default", "meaning"]),
    row(["---", "---", "---", "---", "---"]),
    ...Object.values(settings).map((one) =>
      row([flagOf(one), variableOf(one), kindOf(one), defaultOf(one), one.about].map(escaped)),
    ),
  ].join("\n");

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const escaped = (cell: string): string => cell.replaceAll("|", "\\|").replace(/<(?=\w)/g, "\\<");
const code = (text: string): string => `\`${text}\``;

const flagOf = ({ flag, short }: Setting<unknown>): string =>
  flag === undefined ? "–" : [`--${flag}`, ...(short === undefined ? [] : [`-${short}`])].map(code).join(", ");

const variableOf = ({ env, hasFileForm = true }: Setting<unknown>): string =>
  env === undefined ? "–" : `${code(env)}${hasFileForm ? ", `…_FILE`" : ""}`;

const kindOf = ({ schema }: Setting<unknown>): string => (schema.isSwitch ? "switch" : code(schema.placeholder));

function defaultOf({ fallback, otherwise, schema }: Setting<unknown>): string {
  if (fallback.kind === "required") return "must be given";
  if (otherwise !== undefined) return otherwise;
  const text = fallback.value === undefined ? "" : settingText(schema, fallback.value);
  return text === "" ? "–" : code(text);
}

main(process.argv.slice(2));
