import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { isWindlassError, type WindlassError } from "../lib/errors.ts";
import { type CommandText, codeMeanings } from "./codes.ts";
import { hintsFor } from "./hints.ts";
import { addressHeader, requestIdHeader } from "./interceptors.ts";
import { networkProblem } from "./network-problem.ts";
import { CliError, type Problem } from "./problem.ts";

/** Turns whatever was thrown into what is told. `command` makes commands for hints. */
export function describeError(error: unknown, command: CommandText): Problem {
  if (error instanceof CliError) return error.problem;
  if (isWindlassError(error)) return ofRule(error, command);
  if (error instanceof ConnectError) return ofCall(error, command);
  return ofFault(error, command);
}

function ofCall(error: ConnectError, command: CommandText): Problem {
  const requestId = error.metadata.get(requestIdHeader) ?? "";
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "windlass");
  if (info === undefined) {
    const address = error.metadata.get(addressHeader) ?? undefined;
    const network = networkProblem(error, { address, command });
    if (network !== undefined) return { ...network, requestId };
  }
  const meaning = codeMeanings[error.code] ?? codeMeanings[Code.Unknown];
  const metadata = info?.metadata ?? {};
  const hints = hintsFor(info?.reason ?? "", { metadata, command }) ?? meaning.hints(command);
  const isBugShaped = meaning.exit === "failed" && error.code !== Code.ResourceExhausted;
  return {
    exit: meaning.exit,
    code: meaning.name,
    reason: info?.reason ?? "",
    message: messageOf(error) + (isBugShaped && requestId !== "" ? ` (request ${requestId})` : ""),
    metadata,
    hints,
    requestId,
  };
}

const notOurs = "the server does not know this call: it is older than this program, or no Windlass server";

function messageOf(error: ConnectError): string {
  const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const named = fields.filter(({ field }) => !error.rawMessage.includes(field));
  const details = named.map(({ field, description }) => `${field}: ${description}`).join("; ");
  if (error.code === Code.Unimplemented && error.findDetails(ErrorInfoSchema).length === 0) return notOurs;
  const message = error.rawMessage || Code[error.code] || "the call failed";
  return details === "" ? message : `${message} (${details})`;
}

/** The rules that this program's own libraries enforce; their codes are the reasons in lower case. */
function ofRule(error: WindlassError, command: CommandText): Problem {
  const reason = error.code.toUpperCase();
  const exit = error.code === "upload_too_large" ? "failed" : "usage";
  return {
    exit,
    code: exit === "failed" ? "RESOURCE_EXHAUSTED" : "INVALID_ARGUMENT",
    reason,
    message: error.message,
    metadata: error.metadata,
    hints: hintsFor(reason, { metadata: error.metadata, command }) ?? [],
    requestId: "",
  };
}

function ofFault(error: unknown, command: CommandText): Problem {
  const meaning = codeMeanings[Code.Internal];
  return {
    exit: meaning.exit,
    code: meaning.name,
    reason: "",
    message: error instanceof Error ? error.message : String(error),
    metadata: {},
    hints: [{ label: "See more", command: "export WINDLASS_DEBUG=1" }, ...meaning.hints(command)],
    requestId: "",
  };
}
