import { Code, type ConnectError } from "@connectrpc/connect";
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

const refused: NetworkCause = {
  message: (host) => `no server answers at ${host}: the connection was refused`,
  hints: (where) => [origin(where), start],
};
const unknownHost: NetworkCause = {
  message: (host) => `the name in ${host} cannot be resolved`,
  hints: (where) => [origin(where)],
};
const silent: NetworkCause = {
  message: (host) => `${host} does not answer`,
  hints: (where) => [origin(where), { label: "Check the server", command: where.command("status") }],
};
const broken: NetworkCause = {
  message: (host) => `the connection to ${host} broke: the server may have restarted, or it is no Windlass server`,
  hints: (where) => [origin(where), { label: "Check the server", command: where.command("status") }],
};
const untrusted: NetworkCause = {
  message: (host) => `the certificate of ${host} is signed by an authority that is not trusted here`,
  hints: () => [trust],
};
const expired: NetworkCause = {
  message: (host) => `the certificate of ${host} has expired or is not valid yet`,
  hints: (where) => [origin(where)],
};
const wrongName: NetworkCause = {
  message: (host) => `the certificate of ${host} is for another name`,
  hints: (where) => [origin(where), { label: "Expect its name", command: "export WINDLASS_SERVER_NAME=NAME" }],
};
const notTls: NetworkCause = {
  message: (host) => `${host} does not speak TLS`,
  hints: (where) => [swapScheme(where, "http"), origin(where)],
};
const notPlain: NetworkCause = {
  message: (host) => `${host} does not speak HTTP/2 in plain text: it may want TLS, or it is no Windlass server`,
  hints: (where) => [swapScheme(where, "https"), origin(where)],
};

/** By the `code` of the Node error at the root of a failed call. */
const causes: Readonly<Record<string, NetworkCause>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  ETIMEDOUT: silent,
  EHOSTUNREACH: silent,
  ENETUNREACH: silent,
  ECONNRESET: broken,
  EPIPE: broken,
  ERR_HTTP2_STREAM_CANCEL: broken,
  ERR_HTTP2_GOAWAY_SESSION: broken,
  ERR_HTTP2_INVALID_SESSION: broken,
  ERR_HTTP2_SESSION_ERROR: notPlain,
  ERR_HTTP2_ERROR: notPlain,
  EPROTO: notTls,
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: expired,
  ERR_TLS_CERT_ALTNAME_INVALID: wrongName,
};

/** Codes of a call whose answer was cut or is no answer of ours; ours carry a reason. */
const cut = new Set<Code>([Code.InvalidArgument, Code.Internal, Code.Unknown, Code.Aborted, Code.DataLoss]);

/** What an error without a reason is told as if it arose on the way to the server; undefined if it did not. */
export function networkProblem(error: ConnectError, where: Where): Problem | undefined {
  const cause = rootCodes(error)
    .map((code) => causes[code])
    .find((found) => found !== undefined);
  // What a port that wants TLS does with plain text.
  const isHungUp = error.code === Code.Canceled && where.address?.startsWith("http:") === true;
  if (isHungUp && /http\/2 stream closed/.test(error.rawMessage)) {
    return problem(notPlain.message(where.address ?? ""), notPlain, where);
  }
  if (cause === undefined) return cut.has(error.code) ? cutProblem(error, where) : undefined;
  return problem(cause.message(where.address ?? "the server"), cause, where);
}

const cutProblem = (error: ConnectError, where: Where): Problem =>
  problem(`${broken.message(where.address ?? "the server")} (${error.rawMessage})`, broken, where);

function problem(message: string, { hints }: NetworkCause, where: Where): Problem {
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
    if ("code" in one && typeof one.code === "string") codes.push(one.code);
  }
  return codes;
}
