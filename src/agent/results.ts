import { createHash } from "node:crypto";
import type { StoredResult } from "./journal.ts";

/** How a phase ended, before its log is complete. */
export type PhaseEnd = Omit<StoredResult, "logBytes" | "logSha256" | "engineVersion">;

const nothingChanged = { add: 0, change: 0, destroy: 0, import: 0 } as const;

/** Most addresses in flight that are told, and the longest of them: a result is one message. */
const maxInFlight = 1_000;
const maxAddressLength = 500;

const blank: Omit<PhaseEnd, "outcome" | "exitCode" | "errorMessage"> = {
  hasChanges: false,
  counts: nothingChanged,
  planSha256: "",
  stateSerial: 0,
  resourcesInFlight: [],
};

type Facts = Partial<typeof blank> & { readonly exitCode?: number };

export const finished = (facts: Facts): PhaseEnd => ({
  ...blank,
  outcome: "finished",
  exitCode: 0,
  errorMessage: "",
  ...facts,
});

/** `message` says what went wrong and what to do; exit code −1 is "never ran". */
export const errored = (message: string, facts: Facts = {}): PhaseEnd => ({
  ...blank,
  outcome: "errored",
  exitCode: -1,
  errorMessage: message.slice(0, 4096),
  ...facts,
});

export const canceled = (message: string, facts: Facts = {}): PhaseEnd => ({
  ...errored(message, facts),
  outcome: "canceled",
});

/** What became of a job that was canceled before it was granted: it has no log. */
export const notStarted = (program: string): StoredResult => ({
  ...canceled(`canceled before ${program} was started`),
  logBytes: 0,
  logSha256: createHash("sha256").digest("hex"),
  engineVersion: "",
});

/** Addresses for a result, as many and as long as a message can take. */
export const addressesInFlight = (addresses: readonly string[]): string[] =>
  [...new Set(addresses)].slice(0, maxInFlight).map((address) => address.slice(0, maxAddressLength));
