import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.ts";
import { type ErrorCode, isWindlassError, WindlassError } from "../lib/errors.ts";

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
  server_draining: Code.Unavailable,
  agent_version_refused: Code.FailedPrecondition,
  already_connected: Code.Unavailable,
  session_superseded: Code.FailedPrecondition,
  job_epoch_stale: Code.FailedPrecondition,
  log_limit: Code.FailedPrecondition,
  storage_unavailable: Code.Unavailable,
  outcome_unknown: Code.Unknown,
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
      : error;
  }
  if (signal.aborted) return ConnectError.from(signal.reason, Code.Canceled);
  return refusal(
    new WindlassError("internal", "something unforeseen went wrong on the server", { cause: error }),
    requestId,
  );
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

/** Stock clients take 8 KiB of headers, and a status is in them twice. */
const maxMessageChars = 1500;
const maxFactChars = 1000;
const maxFields = 10;

function refusal(error: WindlassError, requestId: string): ConnectError {
  const { code } = error;
  const isInternal = code === "internal";
  const text = clip(error.message, maxMessageChars);
  const message = isInternal ? `${text}. The server's log says more under request ${requestId}` : text;
  return new ConnectError(message, statusOf[code], undefined, detailsOf(error, requestId), error);
}

function detailsOf(error: WindlassError, requestId: string) {
  const { code, fields, retryAfterMs } = error;
  const metadata = Object.fromEntries(
    Object.entries(error.metadata).map(([name, value]) => [name, clip(value, maxFactChars)] as const),
  );
  if (code === "internal") metadata.request_id = requestId;
  const details = [
    detail(ErrorInfoSchema, { reason: code.toUpperCase(), domain: "windlass", metadata }),
    ...(fields.length === 0
      ? []
      : [detail(BadRequestSchema, { fieldViolations: fields.slice(0, maxFields).map((field) => ({ ...field })) })]),
    ...(retryAfterMs === undefined
      ? []
      : [detail(RetryInfoSchema, { retryDelay: durationFromMs(Math.ceil(retryAfterMs)) })]),
    ...(metadata.resource === undefined
      ? []
      : [detail(ResourceInfoSchema, { resourceType: metadata.resource, resourceName: metadata.name ?? "" })]),
  ];
  // A caller that went away reads nothing, and no reason is defined for it.
  return code === "canceled" ? [] : details;
}

const detail = <D extends DescMessage>(
  desc: D,
  value: MessageInitShape<D>,
): { desc: DescMessage; value: MessageInitShape<DescMessage> } => ({ desc, value });

const clip = (text: string, maxChars: number): string =>
  text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
