import type { Job, LogProblem } from "./job.ts";

/** Whether what is stored may be something else than what the agent has written. */
const isMismatch = ({ kind }: LogProblem): boolean => kind === "length" || kind === "sha256";

/** The problem in one sentence, for people. */
export function logProblemText(problem: LogProblem): string {
  switch (problem.kind) {
    case "length":
      return `the agent reported a log of ${problem.reportedBytes} bytes, and ${problem.storedBytes} bytes of it are stored: it may be damaged or mixed up`;
    case "sha256":
      return `the ${problem.storedBytes} bytes that are stored do not have the SHA-256 that the agent reported (${problem.reported.slice(0, 12)}…): the log may be damaged or forged`;
    case "not_sent":
      return `the agent could not send the last ${problem.missingBytes} bytes of the log`;
    case "agent_lost":
      return "the agent was lost before it had sent its whole log: how much is missing is not known";
  }
}

/** How the log of a job stands. */
export type LogState = "none" | "open" | "complete" | "incomplete" | "mismatch";

/** What is known of the log of a job's newest claim. */
export function logStateOf({
  status,
  attempt,
  isLogClosed,
  logBytes,
  logProblem,
}: Pick<Job, "status" | "attempt" | "isLogClosed" | "logBytes" | "logProblem">): LogState {
  if (!isLogClosed) return status === "queued" && attempt === 0 ? "none" : "open";
  if (logProblem !== null) return isMismatch(logProblem) ? "mismatch" : "incomplete";
  return logBytes === null ? "none" : "complete";
}
