/** What the exit code of every command means; nothing else is ever returned. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  conflict: 5,
  runFailed: 6,
  unreachable: 7,
  stillWaiting: 8,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof exitCodes;
export type ExitCode = (typeof exitCodes)[ExitName];

/** One line for each exit code, as `windlass help exit-codes` prints them. */
export const exitMeanings: Readonly<Record<ExitName, string>> = {
  done: "done",
  failed: "failed: a fault of the server, or one that fits no other code",
  usage: "usage: unknown command or flag, or a bad argument (with --detailed-exitcode: 2 is changes, and usage is 1)",
  notFound: "not found",
  notAllowed: "not logged in, token rejected or expired, or not allowed",
  conflict: "conflict: locked, changed meanwhile, wrong state, name taken, pool not granted",
  runFailed: "the run ended errored, canceled or discarded",
  unreachable: "the server cannot be reached, or did not answer in time",
  stillWaiting: "the run still waits (for a confirmation or in a queue) and the waiting ended",
  interrupted: "Ctrl-C; a run goes on, and the message says how to cancel it",
  terminated: "SIGTERM; a run goes on",
};
