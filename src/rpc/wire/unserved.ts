import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { nearest } from "../../lib/did-you-mean.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asStatus } from "../bodies/request-bodies.ts";
import { protocolOf } from "./protocol.ts";
import { refusalAnswer } from "./refusal.ts";

/** A request that no method takes. */
interface Unserved {
  readonly httpMethod: string;
  /** Without the query. */
  readonly path: string;
  readonly contentType: string;
}

/** `/package.Service/Method`. */
const methodPath = /^\/([\w.]+)\/(\w+)$/;

/** What a call of a method that is not there is told; undefined for a request that is no call. */
export function unknownMethod(
  { httpMethod, path, contentType }: Unserved,
  paths: readonly string[],
): UniversalServerResponse | undefined {
  const protocol = protocolOf(contentType);
  const [, service = "", method = ""] = methodPath.exec(path) ?? [];
  if (protocol === undefined || httpMethod !== "POST") return undefined;
  // Anybody may post JSON anywhere; the other content types are those of calls.
  if (service === "" && protocol === "connect") return undefined;
  const message = `${missing(path, { service, method }, paths)}${meant({ service, method }, paths)}`;
  const error = asStatus(new WindlassError("unknown_method", message, { metadata: { service, method } }));
  return refusalAnswer(error, { contentType, httpStatus: 404 });
}

function missing(path: string, named: { service: string; method: string }, paths: readonly string[]): string {
  if (named.service === "") return `${path} is no method: expected /package.Service/Method`;
  const isKnown = paths.some((one) => one.startsWith(`/${named.service}/`));
  return isKnown
    ? `this server's ${named.service} has no method ${named.method}`
    : `this server has no service ${named.service}`;
}

/** The nearest method of the nearest service. */
function meant(named: { service: string; method: string }, paths: readonly string[]): string {
  const known = paths.map((path) => path.split("/"));
  const service = nearest(named.service.slice(0, maxNameChars), [...new Set(known.map(([, name = ""]) => name))]);
  const methods = known.flatMap(([, of, name = ""]) => (of === service ? [name] : []));
  const method = nearest(named.method.slice(0, maxNameChars), methods);
  return method === undefined ? "" : `: did you mean ${service}/${method}?`;
}

/** No service and no method has a longer name. */
const maxNameChars = 100;

const why: Readonly<Record<number, string>> = {
  405: "is not called with this HTTP method: use POST, or GET for what only reads",
  415: "does not understand this content type: use application/grpc, application/grpc-web+proto, application/proto or application/json, and application/connect+proto or application/connect+json for streams",
  505: "talks in both directions at once: use HTTP/2",
};

/** The answer of a protocol handler, which says with an HTTP status alone that the call is made in no way that it knows. */
export function spoken(answer: UniversalServerResponse, { path, contentType }: Unserved): UniversalServerResponse {
  const reason = why[answer.status];
  if (answer.body !== undefined || reason === undefined) return answer;
  const error = asStatus(new WindlassError("unsupported", `${path.slice(1)} ${reason}`));
  return refusalAnswer(error, {
    contentType,
    httpStatus: answer.status,
    header: answer.header,
  });
}
