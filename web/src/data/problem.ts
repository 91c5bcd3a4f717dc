import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";

/** What the server says about one field of a request. */
export interface FieldViolation {
  /** As the request calls it: `changes.name`. */
  readonly field: string;
  readonly message: string;
}

/** A failed call as a page tells it. */
export interface Problem {
  readonly message: string;
  /** Of ErrorReason, without its prefix; empty if the server did not say. */
  readonly reason: string;
  /** Finds the call in the server's log; empty if the call never reached it. */
  readonly requestId: string;
  /** What the person can do. */
  readonly advice: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
}

const adviceByReason: Readonly<Record<string, string>> = {
  PLAN_CHANGED: "Read the plan that is shown now, then confirm that one.",
  ETAG_MISMATCH: "Somebody has changed it since you opened it. Reload, and make your change again.",
  WORKSPACE_LOCKED: "Wait until the lock is gone, or unlock the workspace on its page.",
  RATE_LIMITED: "Wait a moment and try again.",
  PERMISSION_DENIED: "Ask an owner of the organization, or sign in with another API key.",
  NOT_FOUND: "It may have been deleted, or your key may not see it.",
  FORCE_TOO_EARLY: "Give terraform time to stop by itself first.",
  NO_POOL: "Assign the workspace to an agent pool in its settings.",
  EXECUTION_MODE_LOCAL: "Change the workspace's execution mode to start runs here.",
  STORAGE_UNAVAILABLE: "The server cannot reach its storage. Try again soon.",
  SERVER_DRAINING: "The server is restarting. Try again in a few seconds.",
  OUTCOME_UNKNOWN: "It may or may not have happened: look before you try again.",
  INTERNAL: "This is a fault of the server. Its log has the request id.",
};

const adviceByCode: Readonly<Partial<Record<Code, string>>> = {
  [Code.Unavailable]: "The server does not answer. What you see stays; try again soon.",
  [Code.Unauthenticated]: "Sign in again.",
  [Code.DeadlineExceeded]: "The server took too long. Try again.",
  [Code.Unknown]: "The server could not be reached, or something between changed its answer. Try again.",
};

/** Of a call that got no answer: what browsers say of it (`Failed to fetch`) helps nobody. */
const noAnswer = {
  message: "The server could not be reached.",
  advice: "Try again when it answers. What should have changed something may have done so: look first.",
};

/** Tells a failed call; anything that was thrown will do. */
export function problemOf(thrown: unknown): Problem {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const violations = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const reason = info?.reason ?? "";
  const isUnanswered = error.cause instanceof TypeError;
  return {
    message: isUnanswered ? noAnswer.message : error.rawMessage,
    reason,
    requestId: error.metadata.get("x-request-id") ?? "",
    advice: isUnanswered ? noAnswer.advice : (adviceByReason[reason] ?? adviceByCode[error.code] ?? ""),
    violations: violations.map(({ field, description }) => ({ field, message: description })),
    metadata: info?.metadata ?? {},
  };
}

/** What is said of one field; `name` also stands for `changes.name`. */
export const violationOf = (problem: Problem | undefined, field: string): string | undefined =>
  problem?.violations.find((one) => one.field === field || one.field.endsWith(`.${field}`))?.message;
