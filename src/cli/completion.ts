import { command, one } from "./command.ts";
import { usageError } from "./problem.ts";

/** Each script asks `windlass __complete WORDS…`; the last word is the one being typed. */
const completionScripts: Readonly<Record<string, string>> = {
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
    const script = completionScripts[shell];
    if (script === undefined)
      throw usageError(`SHELL is one of ${Object.keys(completionScripts).join(", ")}, not "${shell}"`);
    await printer.raw(script);
    return undefined;
  },
});
