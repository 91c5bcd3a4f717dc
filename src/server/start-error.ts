/**
 * Why a program cannot start, for people, and what its process exits with: 1 failed, 2 bad configuration, 5 in use or
 * another one's, 7 not reachable or not writable.
 */
export class StartError extends Error {
  readonly exitCode: 1 | 2 | 5 | 7;

  constructor(exitCode: 1 | 2 | 5 | 7, message: string) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}
