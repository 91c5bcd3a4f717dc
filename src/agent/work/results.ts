import { createHash } from "node:crypto";
import type { ResourceAction } from "../../terraform/output/apply-progress.ts";
import type { StoredResult } from "../jobs/journal.ts";

/** How a phase ended, before its log is complete. */
export type PhaseEnd = Omit<StoredResult, "logBytes" | "logSha256" | "engineVersion">;

const nothingChanged = { add: 0, change: 0, destroy: 0, import: 0, forget: 0, move: 0, drift: 0 } as const;

/** Most addresses in flight that are told, and the longest of them: a result is one message. */
const maxInFlight = 1_000;
const maxTextLength = 500;
const maxWordLength = 64;

const blank: Omit<PhaseEnd, "outcome" | "exitCode" | "errorMessage"> = {
  hasChanges: false,
  counts: nothingChanged,
  planSha256: "",
  stateSerial: 0,
  stateSha256: "",
  resourcesInFlight: [],
  inFlight: [],
  lost: [],
  lostCount: 0,
  denial: "",
  hooks: [],
};

type Facts = Partial<typeof blank & Pick<PhaseEnd, "exitCode">>;

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

/** What was in flight, for a result: as much and as long as a message can take. */
export function toldInFlight(found: readonly ResourceAction[]): Pick<PhaseEnd, "inFlight" | "resourcesInFlight"> {
  const cut = (text: string): string => text.slice(0, maxTextLength);
  const inFlight = found.slice(0, maxInFlight).map(({ address, action, idKey = "", id = "" }) => ({
    address: cut(address),
    action: action.slice(0, maxWordLength),
    idKey: idKey.slice(0, maxWordLength),
    id: cut(id),
  }));
  return { inFlight, resourcesInFlight: [...new Set(inFlight.map(({ address }) => address))] };
}
