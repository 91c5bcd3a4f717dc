import { Code, type ConnectError } from "@connectrpc/connect";
import { errnoOf } from "../../lib/values/errors.ts";
import { foreignAnswerText } from "../../lib/way/foreign-answers.ts";
import { type WayFault, type WayFaultKind, wayFaultOf } from "../../lib/way/way-error.ts";
import type { CommandText } from "./codes.ts";
import type { Hint, Problem } from "./problem.ts";

interface Where {
  readonly address: string | undefined;
  readonly command: CommandText;
}

interface NetworkCause {
  readonly message: (host: string) => string;
  readonly hints: (where: Where) => readonly Hint[];
}

const origin = ({ command }: Where): Hint => ({
  label: "Check the address",
  command: command("context show --origin"),
});
const start: Hint = { label: "Or start a server here", command: "windlassd" };
const trust: Hint = { label: "Trust its authority", command: "export WINDLASS_CA_FILE=FILE" };
const swapScheme = ({ address }: Where, scheme: string): Hint => ({
  label: `Try ${scheme}`,
  command: `export WINDLASS_ADDRESS=${(address ?? "").replace(/^https?:/, `${scheme}:`)}`,
});

const broken: NetworkCause = {
  message: (host) => `the connection to ${host} broke: the server may have restarted, or it is no Windlass server`,
  hints: (where) => [origin(where), { label: "Check the server", command: where.command("status") }],
};
const notPlain: NetworkCause = {
  message: (host) => `${host} does not speak HTTP/2 in plain text: it may want TLS, or it is no Windlass server`,
  hints: (where) => [swapScheme(where, "https"), origin(where)],
};

const doctor = ({ command }: Where): Hint => ({ label: "Look at each step", command: command("doctor") });

/** Next steps for what a dialer knows, in place of its own advice. */
const wayHints: Partial<Readonly<Record<WayFaultKind, NetworkCause["hints"]>>> = {
  refused: (where) => [origin(where), start],
  unknown_name: (where) => [origin(where)],
  unreachable: (where) => [origin(where)],
  not_tls: (where) => [swapScheme(where, "http"), origin(where)],
  not_plain: notPlain.hints,
  wrong_name: (where) => [origin(where), { label: "Expect its name", command: "export WINDLASS_SERVER_NAME=NAME" }],
  self_signed: () => [trust],
};
/** Beside its advice. */
const moreHints: typeof wayHints = { untrusted: () => [trust] };

/** By the `code` of the Node error at the root of a failed call, on a connection that was there. */
const causes: Readonly<Record<string, NetworkCause>> = {
  ECONNRESET: broken,
  EPIPE: broken,
  ERR_HTTP2_STREAM_CANCEL: broken,
  ERR_HTTP2_GOAWAY_SESSION: broken,
  ERR_HTTP2_INVALID_SESSION: broken,
  ERR_HTTP2_SESSION_ERROR: broken,
  ERR_HTTP2_ERROR: broken,
};

/** True if a call was on a connection that broke. */
export const isBrokenConnection = (error: unknown): boolean =>
  error instanceof Error && rootCodes(error).some((code) => code in causes);

/** Codes of a call whose answer was cut or is no answer of ours; ours carry a reason. */
const cut = new Set<Code>([Code.InvalidArgument, Code.Internal, Code.Unknown, Code.Aborted, Code.DataLoss]);

/** What an error without a reason is told as if it arose on the way to the server; undefined if it did not. */
export function networkProblem(error: ConnectError, where: Where): Problem | undefined {
  const fault = wayFaultOf(error);
  if (fault !== undefined) return wayProblem(fault, where);
  const foreign = foreignAnswer(error);
  if (foreign !== undefined) return problem(foreign, { hints: (one) => [doctor(one), origin(one)] }, where);
  const cause = rootCodes(error)
    .map((code) => causes[code])
    .find((found) => found !== undefined);
  if (cause === undefined) return cut.has(error.code) ? cutProblem(error, where) : undefined;
  return problem(cause.message(where.address ?? "the server"), cause, where);
}

function wayProblem({ kind, step, what, fix }: WayFault, where: Where): Problem {
  const hints = step === "proxy" ? undefined : wayHints[kind];
  const message = hints === undefined && fix !== "" ? `${what}: ${fix}` : what;
  return problem(message, { hints: hints ?? moreHints[kind] ?? ((one) => [doctor(one), origin(one)]) }, where);
}

/**
 * Connect's words for an answer that is none of Windlass's: all of those have a content type of their own and status
 * 200, or details.
 */
const httpStatus = /^HTTP (\d{3})$/;
const otherType = /^unsupported content type/;

/** What an answer of something else than Windlass is told as; undefined if it may well be Windlass's. */
export function foreignAnswer({ rawMessage, metadata, details }: ConnectError): string | undefined {
  if (details.length > 0) return undefined;
  const status = otherType.test(rawMessage) ? "200" : httpStatus.exec(rawMessage)?.[1];
  if (status === undefined) return undefined;
  // So does a Windlass server answer a call that it does not know; a proxy's has a page with it.
  if (status === "404" && !metadata.has("content-type")) return undefined;
  return foreignAnswerText({
    status: Number(status),
    contentType: metadata.get("content-type"),
    server: metadata.get("server"),
    location: metadata.get("location"),
    hasGrpcStatus: metadata.has("grpc-status"),
  });
}

const cutProblem = (error: ConnectError, where: Where): Problem =>
  problem(`${broken.message(where.address ?? "the server")} (${error.rawMessage})`, broken, where);

function problem(message: string, { hints }: Pick<NetworkCause, "hints">, where: Where): Problem {
  return {
    exit: "unreachable",
    code: "UNAVAILABLE",
    reason: "",
    message,
    metadata: where.address === undefined ? {} : { address: where.address },
    hints: hints(where),
    requestId: "",
  };
}

function rootCodes(error: Error): readonly string[] {
  const codes: string[] = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const code = errnoOf(one);
    if (code !== undefined) codes.push(code);
  }
  return codes;
}
