import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { oneLine } from "../text/clean-text.ts";
import { foreignAnswerText } from "./foreign-answers.ts";

/** The domain of every reason that Windlass gives. */
const ownDomain = "windlass";

/**
 * The reason with which Windlass itself refused a call, for example `TOKEN_REVOKED`; undefined for everything else: what a
 * proxy answers, a connection that broke, what arose on this side. Only such a refusal may end or change anything.
 */
export const ownReason = (error: unknown): string | undefined =>
  error instanceof ConnectError
    ? error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === ownDomain)?.reason
    : undefined;

/** True if Windlass itself gave this answer. */
export const isOwnAnswer = (error: unknown): boolean => ownReason(error) !== undefined;

/** True if Windlass itself refused the call with one of these codes. */
export const isOwnRefusal = (error: unknown, codes: ReadonlySet<Code>): boolean =>
  isOwnAnswer(error) && codes.has(ConnectError.from(error).code);

/** True if Windlass itself said that it knows no such call: it is older than this program. */
export const isUnknownMethod = (error: unknown): boolean => ownReason(error) === "UNKNOWN_METHOD";

/** The reasons for which a credential is not accepted. */
const tokenReasons: ReadonlySet<string> = new Set(["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"]);

/** True if Windlass itself said that the token is bad: another one is needed. */
export const isTokenRefused = (error: unknown): boolean => tokenReasons.has(ownReason(error) ?? "");

/** What agents and both doctors say of a proxy that cannot carry two-way streams. */
export const needsHttp2 = "a proxy in front of the server speaks HTTP/1.1 to it: agents need HTTP/2 all the way";

/** Its reason in an answer of Windlass. */
export const http2Reason = "HTTP2_REQUIRED";

/**
 * One sentence for why a call failed, without a full stop: what stands between here and the server if something else than
 * Windlass has answered, else the error's own words. Its words are clean and at most 400 characters long.
 */
export function failureText(error: unknown): string {
  const text = isOwnAnswer(error) ? ConnectError.from(error).rawMessage : (foreignText(error) ?? plainText(error));
  return oneLine(text).slice(0, maxText);
}

const maxText = 400;

const plainText = (error: unknown): string => {
  const { message, rawMessage } = ConnectError.from(error);
  return rawMessage === "" ? message : rawMessage;
};

/** What something that is not Windlass has said; undefined if nothing has, and for answers of Windlass. */
export function foreignText(error: unknown): string | undefined {
  if (isOwnAnswer(error) || !(error instanceof ConnectError)) return undefined;
  const status = httpStatus(error);
  const { metadata, rawMessage, code } = error;
  if (status === 505 || status === 464 || status === 426) return needsHttp2;
  if (isWithoutTrailers.test(rawMessage)) return needsHttp2;
  const header = (name: string) => metadata.get(name);
  const heads = { contentType: header("content-type"), server: header("server"), location: header("location") };
  if (status !== undefined) return foreignAnswerText({ status, ...heads });
  if (isNoMessage.test(rawMessage))
    return foreignAnswerText({ status: 200, ...heads, contentType: heads.contentType ?? "text/html" });
  const ended = streamEnds.find(([pattern]) => pattern.test(rawMessage))?.[1];
  if (ended !== undefined) return `the server, or something between here and it, ${ended} (${rawMessage})`;
  return isAnswered(error) ? `something between here and the server answers ${Code[code]}: ${rawMessage}` : undefined;
}

/** As `@grpc/grpc-js` says it. */
const httpStatus = ({ rawMessage }: ConnectError): number | undefined => {
  const found = /^Received HTTP status code (\d{3})$/.exec(rawMessage)?.[1] ?? /^HTTP (\d{3})$/.exec(rawMessage)?.[1];
  return found === undefined ? undefined : Number(found);
};

/** An answer of HTTP/1.1 whose trailers were lost on the way. */
const isWithoutTrailers = /^Received RST_STREAM with code 0 \(Call ended without gRPC status\)$/;
/** A page that was read as a message: its first letters are a length. */
const isNoMessage = /^Received message larger than max \(\d{8,} vs \d+\)$/;

const streamEnds: readonly (readonly [RegExp, string])[] = [
  [/^Received RST_STREAM with code \d+/, "ended the call in the middle"],
  [/^Call cancelled$/, "ended the call in the middle"],
  // As Node's own client of HTTP/2 says it.
  [/^Stream closed with error code NGHTTP2_/, "ended the call in the middle"],
  [/^Stream refused by server$/, "takes no more calls on this connection"],
  [/^Bandwidth exhausted or memory limit exceeded$/, "ended the call: it was too much for it"],
  [/^Protocol not secure enough$/, "wants safer TLS"],
];

/** Whether a server of gRPC has answered: a status came with headers or trailers. */
const isAnswered = ({ metadata }: ConnectError): boolean =>
  ["date", "server", "content-type", "via", "x-envoy-upstream-service-time"].some((name) => metadata.has(name));
