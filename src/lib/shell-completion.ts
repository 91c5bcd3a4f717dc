import yargs from "yargs";
import { type CommandFlag, completionFlag } from "./command-line.ts";
import type { Settings } from "./settings.ts";

/** What a shell can complete of a daemon. */
export interface Completable {
  readonly program: string;
  readonly commands: readonly {
    readonly name: string;
    readonly summary: string;
    readonly settings: Settings;
    readonly flags: readonly CommandFlag[];
  }[];
  /** What the program takes that is called without a command. */
  readonly settings: Settings;
}

/** Answers `completion` with the script for the shell of `$SHELL` (bash, zsh or fish), and what that script asks for with words. */
export const answerCompletion = (completable: Completable, [first, ...words]: readonly string[]): Promise<string> =>
  first === completionFlag ? completedWords(completable, words) : completionScript(completable.program);

function completionScript(program: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const scripts = yargsOf(program).completion("completion");
  void scripts.parse(["completion"], (_error: unknown, _argv: unknown, script: string) => resolve(`${script}\n`));
  return promise;
}

/** What the last word can become, a line each; nothing where any text may stand: then shells look for files. */
async function completedWords({ program, commands, settings }: Completable, words: readonly string[]): Promise<string> {
  const typed = words.slice(words[0] === program ? 1 : 0);
  const named = commands.find(({ name }) => name === typed[0] && typed.length > 1);
  const options = optionsOf(named ?? { settings, flags: [] });
  const waiting = options[typed.at(-2)?.replace(/^--/, "") ?? ""];
  if (waiting?.type === "string" && waiting.choices === undefined) return "";
  const found = yargsOf(program).options(options);
  if (typed.length < 2) for (const { name, summary } of commands) found.command(name, summary);
  const lines = await found.getCompletion([...typed]);
  return lines.map((line) => `${line}\n`).join("");
}

const yargsOf = (program: string) =>
  yargs()
    .scriptName(program)
    .exitProcess(false)
    .help(false)
    .version(false)
    .parserConfiguration({ "boolean-negation": false });

const optionsOf = ({ settings, flags }: Pick<Completable["commands"][number], "settings" | "flags">) =>
  Object.fromEntries<Option>([
    ...Object.values(settings).flatMap(({ flag, about, schema: { isSwitch, words } }) =>
      flag === undefined ? [] : [[flag, option({ about, isSwitch, words })] as const],
    ),
    // Without their letters: yargs would offer `--o` for `-o`.
    ...flags.map(({ name, value, about }) => {
      const words = value !== undefined && onlyWords.test(value) ? value.split("|") : undefined;
      return [name, option({ about, isSwitch: value === undefined, words })] as const;
    }),
  ]);

/** `yaml|json` or `json`, but not `FILE`. */
const onlyWords = /^[a-z]+(\|[a-z]+)*$/;

/** A flag as yargs is told of it. */
interface Option {
  readonly type: "boolean" | "string";
  readonly description: string;
  readonly choices: readonly string[] | undefined;
}

interface Described {
  readonly about: string;
  readonly isSwitch: boolean | undefined;
  readonly words: readonly string[] | undefined;
}

const option = ({ about, isSwitch, words }: Described): Option => ({
  type: isSwitch ? "boolean" : "string",
  description: about,
  choices: words,
});
