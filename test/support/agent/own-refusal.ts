import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";

/** The usual reason of each status. */
const reasons: Readonly<Partial<Record<Code, string>>> = {
  [Code.Unauthenticated]: "TOKEN_REVOKED",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.FailedPrecondition]: "JOB_EPOCH_STALE",
  [Code.InvalidArgument]: "VALIDATION",
  [Code.NotFound]: "NOT_FOUND",
  [Code.ResourceExhausted]: "UPLOAD_TOO_LARGE",
  [Code.Unimplemented]: "UNKNOWN_METHOD",
};

/** An error as Windlass gives it: with its reason, by which it is told from the answers of others. */
export const ownRefusal = (message: string, code: Code, reason = reasons[code] ?? "INTERNAL"): ConnectError =>
  new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "windlass", metadata: {} } },
  ]);
