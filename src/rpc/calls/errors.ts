import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { type ErrorCode, type FieldViolation, isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { toFacts } from "../mapping/facts.ts";

/** The gRPC status of each refusal. Its `ErrorReason` is the code in upper case. */
export const statusOf: Readonly<Record<ErrorCode, Code>> = {
  validation: Code.InvalidArgument,
  organization_required: Code.InvalidArgument,
  not_found: Code.NotFound,
  name_taken: Code.AlreadyExists,
  request_id_reused: Code.AlreadyExists,
  workspace_locked: Code.FailedPrecondition,
  not_locked: Code.FailedPrecondition,
  run_not_confirmable: Code.FailedPrecondition,
  run_not_cancelable: Code.FailedPrecondition,
  run_not_discardable: Code.FailedPrecondition,
  run_not_resolvable: Code.FailedPrecondition,
  state_not_quarantined: Code.FailedPrecondition,
  force_too_early: Code.FailedPrecondition,
  plan_changed: Code.Aborted,
  pool_not_granted: Code.FailedPrecondition,
  pool_in_use: Code.FailedPrecondition,
  no_pool: Code.FailedPrecondition,
  execution_mode_local: Code.FailedPrecondition,
  organization_in_use: Code.FailedPrecondition,
  workspace_in_use: Code.FailedPrecondition,
  agent_in_use: Code.FailedPrecondition,
  etag_mismatch: Code.Aborted,
  state_serial_conflict: Code.Aborted,
  state_lineage_conflict: Code.Aborted,
  token_invalid: Code.Unauthenticated,
  token_expired: Code.Unauthenticated,
  token_revoked: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  upload_too_large: Code.ResourceExhausted,
  checksum_mismatch: Code.InvalidArgument,
  archive_rejected: Code.InvalidArgument,
  quota_exceeded: Code.ResourceExhausted,
  agent_limit_reached: Code.ResourceExhausted,
  rate_limited: Code.ResourceExhausted,
  run_not_retryable: Code.FailedPrecondition,
  run_not_queued: Code.FailedPrecondition,
  last_admin_key: Code.FailedPrecondition,
  not_rotatable: Code.FailedPrecondition,
  name_ambiguous: Code.FailedPrecondition,
  answer_too_large: Code.ResourceExhausted,
  server_draining: Code.Unavailable,
  agent_version_refused: Code.FailedPrecondition,
  already_connected: Code.Unavailable,
  session_superseded: Code.FailedPrecondition,
  job_epoch_stale: Code.FailedPrecondition,
  log_limit: Code.FailedPrecondition,
  storage_unavailable: Code.Unavailable,
  outcome_unknown: Code.Unknown,
  unknown_method: Code.Unimplemented,
  unsupported: Code.Unimplemented,
  deadline_exceeded: Code.DeadlineExceeded,
  metadata_too_large: Code.ResourceExhausted,
  http2_required: Code.FailedPrecondition,
  cursor_expired: Code.Aborted,
  issuer_unavailable: Code.Unavailable,
  canceled: Code.Canceled,
  internal: Code.Internal,
};

/** What an answer says of the call it belongs to. */
export interface CallFacts {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/**
 * The status that the caller gets. Refusals cross unchanged, with their reason and facts; whatever nobody foresaw
 * becomes INTERNAL with the request id and nothing else.
 */
export function toConnectError(error: unknown, { requestId, signal }: CallFacts): ConnectError {
  if (isWindlassError(error)) return refusal(error, requestId);
  if (error instanceof ConnectError) {
    return unreadable.test(error.rawMessage)
      ? refusal(malformedRequest("the call", error.rawMessage), requestId)
      : explained(error);
  }
  if (signal.aborted) return endOf(signal);
  return refusal(
    new WindlassError("internal", "something unforeseen went wrong on the server", { cause: error }),
    requestId,
  );
}

/** Why a call whose signal is aborted is over, as its caller is told. */
export const endOf = ({ reason }: AbortSignal): ConnectError =>
  isWindlassError(reason) ? refusal(reason, "") : explained(ConnectError.from(reason, Code.Canceled));

/** True for an error that says why, as all of ours do. */
export const hasReason = (error: ConnectError): boolean =>
  error.details.some((each) => ("desc" in each ? each.desc.typeName : each.type) === ErrorInfoSchema.typeName);

/** The reasons of what the layers below refuse. They have no other codes. */
const reasonBelow: Readonly<Partial<Record<Code, ErrorCode>>> = {
  [Code.Canceled]: "canceled",
  [Code.DeadlineExceeded]: "deadline_exceeded",
  [Code.InvalidArgument]: "validation",
  [Code.NotFound]: "not_found",
  [Code.ResourceExhausted]: "upload_too_large",
  [Code.Unavailable]: "server_draining",
  [Code.Unimplemented]: "unsupported",
};

/** The error with a reason, if the layer that made it gave none. */
export function explained(error: ConnectError): ConnectError {
  if (hasReason(error)) return error;
  const told = new ConnectError(clip(error.rawMessage, maxMessageBytes), error.code, error.metadata);
  told.details = [errorInfo(reasonBelow[error.code] ?? "internal", {}), ...error.details];
  told.cause = error.cause ?? error;
  return told;
}

/** How the protocol handlers begin when a message of a stream is none. */
const unreadable = /^(parse binary|cannot decode message): /;

/** A request whose bytes are no message of the published proto files. */
export const malformedRequest = (method: string, why: string): WindlassError =>
  new WindlassError("validation", `the request of ${method} is malformed: ${why}`, {
    fields: [{ field: "", description: "expected a message of the published proto files" }],
  });

/** True for what operators have to look at: the fault is on this side. */
export const isFault = ({ code }: ConnectError): boolean =>
  code === Code.Internal || code === Code.Unknown || code === Code.DataLoss;

/** Stock clients take 8 KiB of headers. The text is in them twice, and details grow by a third on their way. */
const maxMessageBytes = 1500;
const maxFactBytes = 1000;
const maxFields = 10;
const maxFieldsBytes = 1500;

function refusal(error: WindlassError, requestId: string): ConnectError {
  const { code, retryAfterMs } = error;
  const isInternal = code === "internal";
  const text = clip(error.message, maxMessageBytes);
  const message = isInternal ? `${text}. The server's log says more under request ${requestId}` : text;
  return new ConnectError(message, statusOf[code], pushback(retryAfterMs), detailsOf(error, requestId), error);
}

/** What tells the retry policies of stock clients how long to wait (gRFC A6); `RetryInfo` tells programs. */
const pushback = (retryAfterMs: number | undefined): Record<string, string> =>
  retryAfterMs === undefined ? {} : { "grpc-retry-pushback-ms": String(Math.ceil(retryAfterMs)) };

function detailsOf(error: WindlassError, requestId: string) {
  const { code, fields, retryAfterMs } = error;
  const own = code === "internal" ? { ...error.metadata, request_id: requestId } : error.metadata;
  const metadata = Object.fromEntries(
    Object.entries(toFacts(code, own)).map(([name, value]) => [name, clip(value, maxFactBytes)] as const),
  );
  return [
    errorInfo(code, metadata),
    ...(fields.length === 0 ? [] : [detail(BadRequestSchema, { fieldViolations: violationsOf(code, fields) })]),
    ...(retryAfterMs === undefined
      ? []
      : [detail(RetryInfoSchema, { retryDelay: durationFromMs(Math.ceil(retryAfterMs)) })]),
    ...(metadata.resource === undefined
      ? []
      : [detail(ResourceInfoSchema, { resourceType: metadata.resource, resourceName: metadata.name ?? "" })]),
  ];
}

const errorInfo = (code: ErrorCode, metadata: Readonly<Record<string, string>>) =>
  detail(ErrorInfoSchema, { reason: code.toUpperCase(), domain: "windlass", metadata });

/** As many as fit. Rules that stand in no proto file have the error's reason in the place of their id. */
function violationsOf(code: ErrorCode, fields: readonly FieldViolation[]) {
  const told: { readonly field: string; readonly description: string; readonly reason: string }[] = [];
  let leftBytes = maxFieldsBytes;
  for (const { field, description, rule = code } of fields.slice(0, maxFields)) {
    leftBytes -= Buffer.byteLength(field) + Buffer.byteLength(description);
    if (leftBytes < 0) break;
    told.push({ field, description: description.toWellFormed(), reason: rule });
  }
  return told;
}

const detail = <D extends DescMessage>(
  desc: D,
  value: MessageInitShape<D>,
): { desc: DescMessage; value: MessageInitShape<DescMessage> } => ({ desc, value });

/** The text, cut between two characters; halves of surrogate pairs, which no status can carry, become U+FFFD. */
function clip(text: string, maxBytes: number): string {
  const whole = text.toWellFormed();
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  return `${Buffer.from(whole)
    .toString("utf8", 0, maxBytes)
    .replace(/\ufffd$/, "")}…`;
}
