/**
 * Why a rule was broken. Each code maps to one gRPC status and one `windlass.v1.ErrorReason` (in
 * `src/rpc/calls/errors.ts` only).
 */
export type ErrorCode =
  | "validation"
  | "organization_required"
  | "not_found"
  | "name_taken"
  | "request_id_reused"
  | "workspace_locked"
  | "not_locked"
  | "run_not_confirmable"
  | "run_not_cancelable"
  | "run_not_discardable"
  | "run_not_resolvable"
  | "state_not_quarantined"
  | "force_too_early"
  | "plan_changed"
  | "pool_not_granted"
  | "pool_in_use"
  | "no_pool"
  | "execution_mode_local"
  | "organization_in_use"
  | "workspace_in_use"
  | "agent_in_use"
  | "etag_mismatch"
  | "state_serial_conflict"
  | "state_lineage_conflict"
  | "token_invalid"
  | "token_expired"
  | "token_revoked"
  | "permission_denied"
  | "upload_too_large"
  | "checksum_mismatch"
  | "archive_rejected"
  | "quota_exceeded"
  | "agent_limit_reached"
  | "rate_limited"
  | "run_not_retryable"
  | "run_not_queued"
  | "last_admin_key"
  | "not_rotatable"
  | "name_ambiguous"
  | "answer_too_large"
  | "server_draining"
  | "agent_version_refused"
  | "already_connected"
  | "session_superseded"
  | "job_epoch_stale"
  | "log_limit"
  | "storage_unavailable"
  | "outcome_unknown"
  | "unknown_method"
  | "unsupported"
  | "deadline_exceeded"
  | "metadata_too_large"
  | "http2_required"
  | "cursor_expired"
  | "issuer_unavailable"
  | "canceled"
  | "internal";

/** One field of a request that broke a rule: `field` is a proto path such as `workspace.pool`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
  /** Id of the broken rule, such as `string.max_len`; none for the rules that stand in no proto file. */
  readonly rule?: string | undefined;
}

export interface ErrorDetails {
  /** Facts for programs, e.g. `{ pool: "prod", workspaces: "a,b" }`. Never secrets. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fields?: readonly FieldViolation[] | undefined;
  /** How long a caller should wait before it tries again. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A broken rule, with a message that says what was expected, what was got and what to do.
 * It crosses every layer unchanged and becomes a gRPC status at the edge.
 */
export class WindlassError extends Error {
  readonly code: ErrorCode;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "WindlassError";
    this.code = code;
    this.metadata = details.metadata ?? {};
    this.fields = details.fields ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** True for a `WindlassError`, of the given code if one is named. */
export const isWindlassError = (error: unknown, code?: ErrorCode): error is WindlassError =>
  error instanceof WindlassError && (code === undefined || error.code === code);
