import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { programPath } from "./support/programs.ts";

/** What bash would offer for the last of these words, after it has read the program's own script. */
async function offered(
  program: "windlassd" | "windlass-agent",
  ...words: readonly string[]
): Promise<readonly string[]> {
  const call = `eval "$(${program} completion)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${program}_yargs_completions; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)("bash", ["-c", call, "bash", program, ...words], {
    env: { PATH: `${dirname(programPath(program))}:${process.env.PATH}`, HOME: "/nonexistent", SHELL: "/bin/bash" },
  });
  return stdout.split("\n").filter((line) => line !== "");
}

test.each([
  ["windlassd", ["ro"], ["rotate-key"]],
  ["windlassd", ["gc", "--dr"], ["--dry-run"]],
  ["windlassd", ["--migrate", "c"], ["check"]],
  ["windlassd", ["--data-dir", ""], []],
  ["windlass-agent", ["do"], ["doctor"]],
  ["windlass-agent", ["config", "--output", ""], ["json", "yaml"]],
  ["windlass-agent", ["run", "--sandbox", ""], ["auto", "bwrap", "none"]],
  ["windlass-agent", ["--no"], ["--no-engine-download"]],
] as const)("bash offers for %s %j what there is: %j", async (program, words, expected) => {
  expect((await offered(program, ...words)).toSorted()).toEqual(expected);
});
