import type { Command } from "./command.ts";
import { command, one } from "./command.ts";
import { type Flags, flagName } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { usageError } from "./problem.ts";
import { namesOf, tokenize } from "./tokens.ts";
import { entries, entryOf, verbOf } from "./tree.ts";

/** Each script asks `windlass __complete WORDS…`; the last word is the one being typed. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_windlass() {
  local IFS=$'\\n'
  COMPREPLY=($(windlass __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _windlass windlass
`,
  zsh: `#compdef windlass
_windlass() {
  local -a found
  found=("\${(@f)$(windlass __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _windlass windlass
`,
  fish: `function __windlass_complete
  set -l words (commandline -opc) (commandline -ct)
  windlass __complete $words[2..-1] 2>/dev/null
end
complete -c windlass -f -a "(__windlass_complete)"
`,
};

export const completion = command({
  name: "completion",
  summary: "Print a completion script for a shell",
  examples: [
    "windlass completion bash > /etc/bash_completion.d/windlass",
    "windlass completion zsh > ~/.zfunc/_windlass",
    "windlass completion fish > ~/.config/fish/completions/windlass.fish",
  ],
  positionals: { shell: one("SHELL", "bash, zsh or fish") },
  formats: [],
  run: async ({ printer }, { args: { shell } }) => {
    const script = scripts[shell];
    if (script === undefined) throw usageError(`SHELL is one of ${Object.keys(scripts).join(", ")}, not "${shell}"`);
    await printer.raw(script);
    return undefined;
  },
});

/** What the last word of the command line can become. */
export async function completions({ args }: Io): Promise<readonly string[]> {
  const words = args.slice(1);
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesAfter(before);
  return candidates.filter((one) => one.startsWith(typed) && (typed.startsWith("-") || !one.startsWith("-"))).sort();
}

async function candidatesAfter(before: readonly string[]): Promise<readonly string[]> {
  const [first, second] = tokenize(before, globalFlags).words.map(({ text }) => text);
  if (first === undefined) return valuesOr(before, globalFlags, [...entries.map(({ name }) => name), "help"]);
  const entry = entryOf(first);
  if (entry === undefined) return [];
  if (entry.kind === "command") return ofCommand(before, await entry.load());
  const commands = await entry.load();
  const verb = second === undefined ? undefined : verbOf(commands, second);
  if (verb !== undefined) return ofCommand(before, verb);
  return valuesOr(
    before,
    globalFlags,
    commands.map(({ name }) => name),
  );
}

const ofCommand = (before: readonly string[], { name, flags }: Command): readonly string[] =>
  valuesOr(before, { ...globalFlags, ...flags }, name === "completion" ? Object.keys(scripts) : []);

/** The values of the flag that waits for one; else these words and all flags. */
function valuesOr(before: readonly string[], flags: Flags, words: readonly string[]): readonly string[] {
  const last = before.at(-1) ?? "";
  const key = namesOf(flags).get(last.replace(/^--/, "")) ?? keyOfShort(flags, last);
  const flag = key === undefined || !last.startsWith("-") ? undefined : flags[key];
  if (flag?.kind === "value") return flag.choices ?? [];
  return [...words, ...Object.keys(flags).map((name) => `--${flagName(name)}`)];
}

const keyOfShort = (flags: Flags, given: string): string | undefined =>
  Object.entries(flags).find(([, { short }]) => given === `-${short}`)?.[0];
