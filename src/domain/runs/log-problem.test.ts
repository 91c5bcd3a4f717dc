import { describe, expect, test } from "vitest";
import type { Job, LogProblem } from "./job.ts";
import { logProblemText, logStateOf } from "./log-problem.ts";

const problems: Readonly<Record<LogProblem["kind"], LogProblem>> = {
  length: { kind: "length", reportedBytes: 200, storedBytes: 90 },
  sha256: { kind: "sha256", reported: "0123456789abcdef".repeat(4), storedBytes: 90 },
  not_sent: { kind: "not_sent", missingBytes: 110 },
  agent_lost: { kind: "agent_lost" },
};

describe("what is wrong with a log is told", () => {
  test.each([
    ["length", /200 bytes, and 90 bytes of it are stored: it may be damaged or mixed up$/],
    ["sha256", /^the 90 bytes .* reported \(0123456789ab…\): the log may be damaged or forged$/],
    ["not_sent", /could not send the last 110 bytes of the log$/],
    ["agent_lost", /how much is missing is not known$/],
  ] as const)("%s", (kind, text) => {
    expect(logProblemText(problems[kind])).toMatch(text);
  });
});

describe("how a log stands", () => {
  type Facts = Pick<Job, "status" | "attempt" | "isLogClosed" | "logBytes" | "logProblem">;
  const closed: Facts = { status: "finished", attempt: 1, isLogClosed: true, logBytes: 10, logProblem: null };
  const open: Facts = { ...closed, status: "started", isLogClosed: false, logBytes: null };

  test.each<readonly [string, Facts, ReturnType<typeof logStateOf>]>([
    ["of a job that nobody has had", { ...open, status: "queued", attempt: 0 }, "none"],
    ["of a job that waits for another agent", { ...open, status: "queued", attempt: 1 }, "open"],
    ["of a job that is offered", { ...open, status: "offered" }, "open"],
    ["of a job that runs", open, "open"],
    ["that is all there", closed, "complete"],
    ["that is empty and all there", { ...closed, logBytes: 0 }, "complete"],
    ["that never was", { ...closed, logBytes: null }, "none"],
    ["of another length", { ...closed, logProblem: problems.length }, "mismatch"],
    ["with other content", { ...closed, logProblem: problems.sha256 }, "mismatch"],
    ["whose end could not be sent", { ...closed, logProblem: problems.not_sent }, "incomplete"],
    ["whose agent was lost", { ...closed, logProblem: problems.agent_lost }, "incomplete"],
    [
      "whose agent was lost before it said a byte",
      { ...closed, logBytes: null, logProblem: problems.agent_lost },
      "incomplete",
    ],
    // What is wrong is said of what has ended: until then the rest may still come.
    ["that is open, whatever was wrong before", { ...open, logProblem: problems.length }, "open"],
  ])("one %s", (_which, facts, state) => {
    expect(logStateOf(facts)).toBe(state);
  });
});
