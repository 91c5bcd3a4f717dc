import type { ExitName } from "./exit.ts";

/** A next step: what it is for, and a command that can be pasted. */
export interface Hint {
  readonly label: string;
  readonly command: string;
}

/** Why a command did not succeed, as a person or (with `-o json`) a program is told. */
export interface Problem {
  readonly exit: ExitName;
  /**
   * A gRPC code such as `NOT_FOUND`, or `USAGE`, `RUN_FAILED`, `STILL_WAITING` and the like for what the CLI found
   * itself.
   */
  readonly code: string;
  /** A `windlass.v1.ErrorReason` without its prefix; empty if there is none. */
  readonly reason: string;
  readonly message: string;
  /** What the message is about, one line each. */
  readonly details?: readonly string[] | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly hints: readonly Hint[];
  readonly requestId: string;
}

/** A problem that the CLI itself found, thrown from wherever it is found. */
export class CliError extends Error {
  readonly problem: Problem;

  constructor(exit: ExitName, message: string, more: Partial<Problem> = {}) {
    super(message);
    this.name = "CliError";
    this.problem = {
      exit,
      code: exit.replace(/([A-Z])/g, "_$1").toUpperCase(),
      reason: "",
      message,
      metadata: {},
      hints: [],
      requestId: "",
      ...more,
    };
  }
}

/** A command line that cannot be understood or lacks something: exit code 2. */
export const usageError = (message: string, hints: readonly Hint[] = []): CliError =>
  new CliError("usage", message, { hints });
