import { Code, ConnectError } from "@connectrpc/connect";
import {
  type BadRequest_FieldViolation,
  BadRequestSchema,
  ErrorInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { isWindlassError, type WindlassError } from "../../lib/words/errors.ts";
import { type CommandText, codeMeanings } from "../problems/codes.ts";
import { factWords } from "../problems/fact-words.ts";
import { hintsFor } from "../problems/hints.ts";
import { networkProblem } from "../problems/network-problem.ts";
import { CliError, type Problem } from "../problems/problem.ts";
import { addressHeader, requestIdHeader } from "../server/interceptors.ts";
import type { Command } from "../shared/command.ts";
import { fieldName } from "./field-names.ts";

/** Turns whatever was thrown into what is told. `command` makes commands for hints; `failed` is the one that failed. */
export function describeError(error: unknown, command: CommandText, failed?: Command): Problem {
  if (error instanceof CliError) return error.problem;
  if (isWindlassError(error)) return ofRule(error, command);
  if (error instanceof ConnectError) return ofCall(error, command, failed);
  return ofFault(error, command);
}

function ofCall(error: ConnectError, command: CommandText, failed: Command | undefined): Problem {
  const requestId = error.metadata.get(requestIdHeader) ?? "";
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "windlass");
  if (info === undefined) {
    const address = error.metadata.get(addressHeader) ?? undefined;
    const network = networkProblem(error, { address, command });
    if (network !== undefined) return { ...network, requestId };
  }
  const meaning = codeMeanings[error.code] ?? codeMeanings[Code.Unknown];
  const metadata = factWords(info?.metadata ?? {});
  const hints = hintsFor(info?.reason ?? "", { metadata, command }) ?? meaning.hints(command);
  const { message, details } = textOf(error, failed);
  const isBugShaped = meaning.exit === "failed" && error.code !== Code.ResourceExhausted;
  return {
    exit: meaning.exit,
    code: meaning.name,
    reason: info?.reason ?? "",
    message: message + (isBugShaped && requestId !== "" ? ` (request ${requestId})` : ""),
    details,
    metadata,
    hints,
    requestId,
  };
}

const notOurs = "the server does not know this call: it is older than this program, or no Windlass server";

/** No other server has our reasons. */
const isUnknown = (error: ConnectError): boolean =>
  error.findDetails(ErrorInfoSchema).every(({ reason }) => reason === "UNKNOWN_METHOD");

type Text = Pick<Problem, "message" | "details">;

function textOf(error: ConnectError, failed: Command | undefined): Text {
  if (error.code === Code.Unimplemented && isUnknown(error)) return { message: notOurs };
  const message = error.rawMessage || Code[error.code] || "the call failed";
  const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  if (fields.length === 0) return { message };
  if (failed !== undefined && message.includes(fields[0]?.description ?? "")) return fieldText(fields, failed);
  const unnamed = fields.filter(({ field }) => !message.includes(field));
  const more = unnamed.map(({ field, description }) => `${field}: ${description}`).join("; ");
  return { message: more === "" ? message : `${message} (${more})` };
}

/** What is wrong with each field, by the name that it has on the command line. */
function fieldText(fields: readonly BadRequest_FieldViolation[], failed: Command): Text {
  const lines = fields.map(({ field, description }) =>
    field === "" ? description : `${fieldName(field, failed)}: ${description}`,
  );
  const [only = ""] = lines;
  return lines.length === 1 ? { message: only } : { message: `${lines.length} values are refused:`, details: lines };
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
