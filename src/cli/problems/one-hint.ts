import type { Hint, Problem } from "./problem.ts";

/** Ends that are no errors: what comes next is a choice. */
const choices: readonly Problem["exit"][] = ["stillWaiting", "interrupted"];

/**
 * The problem with at most one hint: the first that is neither the command that has just failed nor in the message
 * already. Where the command line was wrong it is that command's own help.
 */
export function withOneHint(problem: Problem, { path, args }: Failed): Problem {
  if (choices.includes(problem.exit)) return problem;
  const [hint] = problem.hints
    .map((one) => (one.command === "windlass --help" ? { ...one, command: `${commandOf(path)} --help` } : one))
    .filter((one) => !isSame(one, { path, args }) && !problem.message.includes(one.command));
  return { ...problem, hints: hint === undefined ? [] : [hint] };
}

/** The command that failed: its full name, and the words as they were typed. */
interface Failed {
  readonly path: readonly string[];
  readonly args: readonly string[];
}

const commandOf = (path: readonly string[]): string => ["windlass", ...path].join(" ");

/** The same verb again, with nothing that was not typed. */
const isSame = ({ command }: Hint, { path, args }: Failed): boolean => {
  const own = `${commandOf(path)} `;
  if (path.length === 0 || !`${command} `.startsWith(own)) return false;
  return command
    .slice(own.length)
    .split(" ")
    .every((word) => word === "" || args.includes(word));
};
