import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorReasonSchema } from "../../gen/windlass/v1/error_reason_pb.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { setStatus } from "../wire/errors.ts";
import { statusOf, toConnectError } from "./errors.ts";

const call = { requestId: "req-1", signal: new AbortController().signal };

/** A detail as it was put in, for errors that did not cross a wire. */
const detail = <D extends { readonly typeName: string }>(error: ConnectError, { typeName }: D) =>
  error.details.flatMap((each) =>
    "desc" in each && each.desc.typeName === typeName ? [create(each.desc, each.value)] : [],
  )[0];

describe("statuses", () => {
  test("every code has a reason of the contract, and every reason a code", () => {
    const reasons = ErrorReasonSchema.values
      .map(({ name }) => name.replace("ERROR_REASON_", ""))
      .filter((name) => name !== "UNSPECIFIED");
    const codes = Object.keys(statusOf);
    expect(codes.map((code) => code.toUpperCase()).sort()).toEqual(reasons.sort());
  });

  test("each code has one gRPC status", () => {
    expect(
      Object.entries(statusOf)
        .map(([code, status]) => `${code} ${Code[status]}`)
        .join("\n"),
    ).toMatchInlineSnapshot(`
      "validation InvalidArgument
      organization_required InvalidArgument
      not_found NotFound
      name_taken AlreadyExists
      request_id_reused AlreadyExists
      workspace_locked FailedPrecondition
      not_locked FailedPrecondition
      run_not_confirmable FailedPrecondition
      run_not_cancelable FailedPrecondition
      run_not_discardable FailedPrecondition
      run_not_resolvable FailedPrecondition
      state_not_quarantined FailedPrecondition
      force_too_early FailedPrecondition
      plan_changed Aborted
      pool_not_granted FailedPrecondition
      pool_in_use FailedPrecondition
      no_pool FailedPrecondition
      execution_mode_local FailedPrecondition
      organization_in_use FailedPrecondition
      workspace_in_use FailedPrecondition
      agent_in_use FailedPrecondition
      etag_mismatch Aborted
      state_serial_conflict Aborted
      state_lineage_conflict Aborted
      token_invalid Unauthenticated
      token_expired Unauthenticated
      token_revoked Unauthenticated
      permission_denied PermissionDenied
      upload_too_large ResourceExhausted
      checksum_mismatch InvalidArgument
      archive_rejected InvalidArgument
      quota_exceeded ResourceExhausted
      agent_limit_reached ResourceExhausted
      rate_limited ResourceExhausted
      run_not_retryable FailedPrecondition
      run_not_queued FailedPrecondition
      last_admin_key FailedPrecondition
      not_rotatable FailedPrecondition
      name_ambiguous FailedPrecondition
      answer_too_large ResourceExhausted
      server_draining Unavailable
      agent_version_refused FailedPrecondition
      already_connected Unavailable
      session_superseded FailedPrecondition
      job_epoch_stale FailedPrecondition
      log_limit FailedPrecondition
      storage_unavailable Unavailable
      outcome_unknown Unknown
      unknown_method Unimplemented
      unsupported Unimplemented
      deadline_exceeded DeadlineExceeded
      metadata_too_large ResourceExhausted
      http2_required FailedPrecondition
      cursor_expired Aborted
      issuer_unavailable Unavailable
      canceled Canceled
      internal Internal"
    `);
  });
});

describe("what the caller gets", () => {
  test("a refusal with its reason, facts and fields", () => {
    const refused = new WindlassError("name_taken", "there is already one", {
      metadata: { resource: "agent pool", name: "prod" },
      fields: [
        { field: "name", description: "is taken" },
        { field: "name", description: "too long", rule: "string.max_len" },
      ],
      retryAfterMs: 1500,
    });
    const error = toConnectError(refused, call);
    expect([error.code, error.rawMessage]).toEqual([Code.AlreadyExists, "there is already one"]);
    expect(detail(error, ErrorInfoSchema)).toMatchObject({
      reason: "NAME_TAKEN",
      domain: "windlass",
      metadata: { resource: "windlass.v1.AgentPool", name: "prod" },
    });
    expect(detail(error, BadRequestSchema)).toMatchObject({
      fieldViolations: [
        { field: "name", description: "is taken", reason: "name_taken" },
        { field: "name", description: "too long", reason: "string.max_len" },
      ],
    });
    const resource = { resourceType: "windlass.v1.AgentPool", resourceName: "prod" };
    expect(detail(error, ResourceInfoSchema)).toMatchObject(resource);
    expect(error.metadata.get("grpc-retry-pushback-ms")).toBe("1500");
    const retry = detail(error, RetryInfoSchema) as ReturnType<typeof create<typeof RetryInfoSchema>> | undefined;
    expect(retry?.retryDelay && durationMs(retry.retryDelay)).toBe(1500);
  });

  test("INTERNAL with the request id, and nothing else, for what nobody foresaw", () => {
    const error = toConnectError(new TypeError("cannot read properties of wdl_usr_secret"), call);
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe(
      "something unforeseen went wrong on the server. The server's log says more under request req-1",
    );
    expect(detail(error, ErrorInfoSchema)).toMatchObject({ reason: "INTERNAL", metadata: { request_id: "req-1" } });
  });

  test.each(["x", "Ж", "☂", "🚀", "\ud83d"])("few enough bytes of %j for the headers of a stock client", (letter) => {
    const long = letter.repeat(100_000);
    const fields = Array.from({ length: 500 }, () => ({ field: "f".repeat(50), description: letter.repeat(60) }));
    const error = toConnectError(new WindlassError("validation", long, { metadata: { long }, fields }), call);
    const trailers = new Headers();
    setStatus(trailers, error);
    expect([...trailers].reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)).toBeLessThan(7_800);
    const told = detail(error, BadRequestSchema) as ReturnType<typeof create<typeof BadRequestSchema>> | undefined;
    expect(told?.fieldViolations.length).toBeGreaterThan(3);
  });

  test("why the call ended, once it has been canceled", () => {
    const aborted = new AbortController();
    aborted.abort(new ConnectError("too late", Code.DeadlineExceeded));
    expect(toConnectError(new Error("aborted"), { ...call, signal: aborted.signal }).code).toBe(Code.DeadlineExceeded);
  });
});
