import type { Engine } from "../workspaces/workspace.ts";
import type { LateEvidence } from "./job.ts";
import { type Lost, lostSentence, mustDecide } from "./lost.ts";

/** What there is to tell of a run that failed. */
export type RunFailure =
  /** Its plan or apply did not come to its own end, or failed. */
  | { readonly kind: "broken_off"; readonly message: string; readonly lost: Lost | null }
  /** Its apply failed before the program was started. */
  | { readonly kind: "not_started"; readonly message: string }
  /** Its agent is not believed: its last state is aside. */
  | { readonly kind: "in_quarantine" }
  /** A person has decided about it. */
  | { readonly kind: "resolved"; readonly by: string; readonly how: string }
  /** The lost agent of its apply has come back. */
  | {
      readonly kind: "recovered";
      /** What ended its apply, without what that had lost. */
      readonly cause: string;
      readonly evidence: LateEvidence;
      readonly lost: Lost | null;
    };

/** What a text about a run needs to know of it. */
interface FailedRun {
  readonly id: string;
  readonly engine: Engine | null;
  /** Before the failure. */
  readonly errorMessage: string;
  readonly lost: Lost | null;
  readonly decidedAt: Date | null;
  readonly endedAt: Date | null;
}

/** The error of a run, with what is known now. Nobody reads anything out of it: facts are in the rows. */
export function errorText(run: FailedRun, failure: RunFailure): string {
  switch (failure.kind) {
    case "broken_off":
      return sentences(failure.message, lostSentence(failure.lost, run.id));
    case "not_started":
      return `the apply did not start, and nothing was changed: ${failure.message}`;
    case "in_quarantine":
      return `its last state is in quarantine, because its agent's token was revoked for a suspected theft: the workspace stays locked until somebody decides (windlass run resolve ${run.id})`;
    case "resolved":
      return `${run.errorMessage}. Resolved: ${failure.by} ${failure.how}`;
    case "recovered":
      return `${errorBefore(run, failure.cause)}. Recovered: ${evidenceText({ ...run, lost: failure.lost }, failure.evidence)}`;
  }
}

/** What was told of lost resources while the agent was away is told anew, unless somebody has decided upon it. */
const errorBefore = (run: FailedRun, cause: string): string =>
  mustDecide(run.lost) && !isResolved(run) ? cause : run.errorMessage;

/** What is decided about a run after its end resolves it. */
const isResolved = ({ decidedAt, endedAt }: FailedRun): boolean =>
  decidedAt !== null && endedAt !== null && decidedAt >= endedAt;

/** What the lost agent of an apply told when it came back; `lost` is what it had lost by its own report. */
export function evidenceText(
  { id, engine, lost }: Pick<FailedRun, "id" | "engine" | "lost">,
  evidence: LateEvidence,
): string {
  const how = evidence.outcome === "finished" ? "applied everything" : `ended with ${exitText(evidence)}`;
  const told = lostSentence(lost, id);
  return `the agent came back, ${engine ?? "terraform"} had ${how}, ${stateText(evidence)}${told === "" ? "" : `; ${told}`}`;
}

const exitText = ({ exitCode, message }: LateEvidence): string =>
  `exit code ${exitCode}${message === "" ? "" : ` (${message})`}`;

function stateText({ state }: LateEvidence): string {
  if (state === null) return "no state of it is stored";
  return `state serial ${state.serial} ${state.isAside ? "is quarantined: look at it with `windlass state list --quarantined`" : "was recovered"}`;
}

const sentences = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join(". ");
