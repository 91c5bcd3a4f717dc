import { type ErrorCode, type FieldViolation, isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { documentType, type TfeAnswer } from "./answers.ts";

interface Refusal {
  readonly status: number;
  readonly title: string;
}

const missing = { status: 404, title: "not found" } as const;
const unauthorized = { status: 401, title: "unauthorized" } as const;
const invalidAttribute = { status: 422, title: "invalid attribute" } as const;
const conflict = { status: 409, title: "conflict" } as const;
const tooLarge = { status: 413, title: "payload too large" } as const;
const unavailable = { status: 503, title: "service unavailable" } as const;

/**
 * What each refusal is in the TFE API. Clients repeat what is 5xx for minutes: only what may be over soon is. Who may not do a
 * thing is told what who does not see it is told.
 */
export const refusalOf: Readonly<Record<ErrorCode, Refusal>> = {
  validation: invalidAttribute,
  organization_required: invalidAttribute,
  not_found: missing,
  name_taken: invalidAttribute,
  request_id_reused: conflict,
  workspace_locked: conflict,
  not_locked: conflict,
  run_not_confirmable: conflict,
  run_not_cancelable: conflict,
  run_not_discardable: conflict,
  run_not_resolvable: conflict,
  state_not_quarantined: conflict,
  force_too_early: conflict,
  plan_changed: conflict,
  pool_not_granted: invalidAttribute,
  pool_in_use: invalidAttribute,
  no_pool: invalidAttribute,
  execution_mode_local: invalidAttribute,
  organization_in_use: conflict,
  workspace_in_use: conflict,
  agent_in_use: { status: 412, title: "precondition failed" },
  etag_mismatch: conflict,
  state_serial_conflict: conflict,
  state_lineage_conflict: conflict,
  token_invalid: unauthorized,
  token_expired: unauthorized,
  token_revoked: unauthorized,
  permission_denied: missing,
  upload_too_large: tooLarge,
  checksum_mismatch: invalidAttribute,
  archive_rejected: invalidAttribute,
  quota_exceeded: invalidAttribute,
  agent_limit_reached: invalidAttribute,
  rate_limited: { status: 429, title: "too many requests" },
  run_not_retryable: conflict,
  run_not_queued: conflict,
  last_admin_key: conflict,
  not_rotatable: conflict,
  name_ambiguous: invalidAttribute,
  answer_too_large: invalidAttribute,
  server_draining: unavailable,
  agent_version_refused: conflict,
  already_connected: conflict,
  session_superseded: conflict,
  job_epoch_stale: conflict,
  log_limit: conflict,
  storage_unavailable: unavailable,
  outcome_unknown: conflict,
  unknown_method: missing,
  unsupported: invalidAttribute,
  deadline_exceeded: unavailable,
  metadata_too_large: { status: 431, title: "request header fields too large" },
  http2_required: conflict,
  cursor_expired: conflict,
  issuer_unavailable: unavailable,
  canceled: { status: 400, title: "bad request" },
  internal: { status: 500, title: "internal server error" },
};

/** One entry of an error document. */
export interface TfeError {
  readonly status: string;
  readonly title: string;
  readonly detail: string;
  readonly source?: { readonly pointer: string } | { readonly parameter: string } | undefined;
}

const maxDetail = 4_000;

/** The answer to a call that was refused. What nobody foresaw says its request's id and nothing else. */
export function refused(error: unknown, requestId: string): TfeAnswer {
  const known = isWindlassError(error)
    ? error
    : new WindlassError(
        "internal",
        `something unforeseen went wrong: the server's log says more under request ${requestId}`,
      );
  return {
    kind: "bytes",
    status: known.metadata.parameter === undefined ? refusalOf[known.code].status : 400,
    type: documentType,
    bytes: `${JSON.stringify({ errors: errorsOf(known) })}\n`,
    headers: headersOf(known),
  };
}

/** True for what operators have to look at. */
export const isFault = (error: unknown): boolean => !isWindlassError(error) || refusalOf[error.code].status === 500;

function errorsOf({ code, message, fields, metadata }: WindlassError): readonly TfeError[] {
  const { status, title } = refusalOf[code];
  const base = { status: String(status), title };
  if (metadata.parameter !== undefined)
    return [{ ...base, status: "400", detail: clip(message), source: { parameter: metadata.parameter } }];
  if (code === "name_taken") return [{ ...base, detail: clip(message), source: { pointer: takenPointer(metadata) } }];
  if (fields.length === 0) return [{ ...base, detail: clip(message) }];
  return fields
    .slice(0, 10)
    .map((field) => ({ ...base, detail: detailOf(field), source: { pointer: pointerTo(field) } }));
}

/** What has to be another one where a name is taken. */
const takenPointer = ({ resource }: WindlassError["metadata"]): string =>
  `/data/attributes/${resource === "variable" ? "key" : "name"}`;

const clip = (text: string): string => (text.length > maxDetail ? `${text.slice(0, maxDetail)}…` : text);

/** Attributes that have another name in the TFE API. */
const theirNames: Readonly<Record<string, string>> = {
  agent_pool: "agent-pool-id",
  default_agent_pool: "default-agent-pool",
  engine_version: "terraform-version",
  inherits_execution_mode: "setting-overwrites",
  destroy: "is-destroy",
  targets: "target-addrs",
  replacements: "replace-addrs",
};

const nameOf = (field: string): string => {
  const name = field.split(/[./]/).at(-1) ?? "";
  return theirNames[name] ?? name.replaceAll("_", "-");
};

const detailOf = ({ field, description }: FieldViolation): string => {
  const name = nameOf(field).replaceAll("-", " ");
  return clip(name === "" ? description : `${name}: ${description}`);
};

/** Where in the request's document it stands: a field of ours, or a pointer already. */
const pointerTo = ({ field }: FieldViolation): string => {
  if (field.startsWith("/")) return field;
  const name = nameOf(field);
  return name === "" ? "/data" : `/data/attributes/${name}`;
};

function headersOf({ code, retryAfterMs }: WindlassError): Readonly<Record<string, string>> {
  if (retryAfterMs === undefined) return {};
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  if (code !== "rate_limited") return { "retry-after": String(seconds) };
  return {
    "retry-after": String(seconds),
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": (Math.ceil(retryAfterMs) / 1_000).toFixed(3),
  };
}
