import { usageError } from "../problems/problem.ts";
import { command, one } from "../shared/command.ts";

/**
 * Each script asks `windlass __complete WORDS…`, or `__describe` for the meanings too, after a tab; the last word is
 * the one being typed. The answer `:files` leaves it to the shell.
 */
const completionScripts: Readonly<Record<string, string>> = {
  bash: `_windlass() {
  local IFS=$'\\n'
  COMPREPLY=($(windlass __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [ "\${COMPREPLY[0]}" = ":files" ]; then
    COMPREPLY=()
    compopt -o default 2>/dev/null
  fi
}
complete -F _windlass windlass
`,
  zsh: `#compdef windlass
_windlass() {
  local -a lines found
  local line
  lines=("\${(@f)$(windlass __describe "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${lines[1]}" == ":files" ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -z "$line" ]] && continue
    local word="\${line%%$'\\t'*}" about=""
    [[ "$line" == *$'\\t'* ]] && about="\${line#*$'\\t'}"
    found+=("\${word//:/\\\\:}\${about:+:$about}")
  done
  (( \${#found} )) && _describe 'windlass' found
}
compdef _windlass windlass
`,
  fish: `function __windlass_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (windlass __describe $words[2..-1] 2>/dev/null)
  if test "$found[1]" = ":files"
    __fish_complete_path (commandline -ct)
    return
  end
  printf '%s\\n' $found
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
    await printer.exact(script);
    return undefined;
  },
});
