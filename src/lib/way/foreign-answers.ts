/** What is known of an HTTP answer to a call; header values as they came, undefined or null if absent. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType?: string | null | undefined;
  /** The `server` header, for example `nginx/1.22.1`. */
  readonly server?: string | null | undefined;
  /** The `location` header. */
  readonly location?: string | null | undefined;
  /** Whether headers or trailers bear a `grpc-status`: then it is a server of gRPC that answers. */
  readonly hasGrpcStatus?: boolean | undefined;
  /** How the body begins, where it is known. */
  readonly body?: string | undefined;
}

const redirects = new Set([301, 302, 303, 307, 308]);

/** What an answer with this status means when Windlass did not give it, and what to do; follows `answers 413: `. */
const meanings: Readonly<Record<number, string>> = {
  400: "it did not understand the request; where it wants a client certificate, give --cert-file and --key-file",
  401: "it wants a login of its own: let the calls of agents and clients pass without one",
  403: "it forbids the call: let agents and clients pass",
  404: "it is no Windlass server, or a proxy that does not pass every path on to one",
  405: "it forbids POST: let the calls of agents and clients pass",
  407: "a proxy wants a user and a password: https_proxy=http://USER:PASSWORD@HOST:PORT",
  408: "it waited too long for the request: give its time-outs for reading at least 60 s",
  411: "it wants to know the length of a request beforehand: let streams pass (HTTP/2, without buffering)",
  413: "the request is larger than it allows; nginx calls this client_max_body_size, and 0 lifts it",
  414: "the path is longer than it allows",
  415: "it does not let this type of content pass: allow application/grpc, application/proto and application/connect+proto",
  421: "it serves another name than the one that was called: check --address, --server-name and the names of the proxy",
  426: "it wants another version of HTTP: let the proxy speak HTTP/2 on both sides",
  429: "it limits how often it may be called; trying again later",
  431: "the headers are larger than it allows",
  464: "a load balancer that speaks another version of HTTP to the server: set its target to HTTP/2 or gRPC",
  497: "it speaks TLS: the address must begin with https",
  500: "something in it went wrong: see the log of the proxy",
  501: "it does not know this kind of request: let the proxy speak HTTP/2 on both sides",
  502: "a proxy gets no good answer from the server behind it: is windlassd running, and does the proxy speak to its port as it should (HTTP/2, with TLS or without)?",
  503: "a proxy has no server to pass the call on to: is windlassd running, and ready? Its /readyz says why it is not",
  504: "a proxy waited too long for the server behind it: give its time-outs for reading at least 60 s",
  505: "it does not speak the version of HTTP that was asked for: let the proxy speak HTTP/2 on both sides",
  511: "the network wants a login: open a web page with a browser on this machine",
};

/** Types of content with which windlassd answers, before a `;` and whatever follows a `+`. */
const ownTypes = /^application\/(grpc|proto|json|connect)(\+[a-z]+)?\s*(;|$)/i;
const webPage = /^\s*(text\/html|application\/xhtml)/i;

/**
 * Says that something other than Windlass gave this answer to a call, what it means and what to do: one sentence without
 * a full stop. Undefined if it may well be Windlass: its content types with status 200, or any answer with a gRPC status.
 * An error of Windlass without one (Connect's, in JSON) the caller has to know by its details, and not to ask about.
 */
export function foreignAnswerText(answer: HttpAnswer): string | undefined {
  const { status, contentType, location, hasGrpcStatus, body } = answer;
  if (hasGrpcStatus === true) return undefined;
  const who = `something between here and the server${software(answer)}`;
  if (redirects.has(status)) return `${who} answers ${status}: ${redirectText(location)}`;
  if (status >= 200 && status < 300) {
    if (ownTypes.test(contentType ?? "")) return undefined;
    return `${who} answers ${status} with ${contentText(contentType)}`;
  }
  if (/ssl certificate was sent/i.test(body ?? "")) {
    return `${who} answers ${status}: it wants a client certificate: give --cert-file and --key-file`;
  }
  if (/plain HTTP request was sent to HTTPS port/i.test(body ?? ""))
    return `${who} answers ${status}: ${meanings[497]}`;
  const meaning = meanings[status] ?? (status >= 500 ? "it failed: see the log of the proxy" : "it refused the call");
  return `${who} answers ${status}${webPage.test(contentType ?? "") ? " with a web page" : ""}: ${meaning}`;
}

const maxNameLength = 40;

/** The program that answered, if it says so in plain words. */
function software({ server }: HttpAnswer): string {
  const name = (server ?? "").replace(/[^\x20-\x7e]/g, "").trim();
  return name === "" ? "" : ` (${name.slice(0, maxNameLength)})`;
}

const maxLocationLength = 200;

function redirectText(location: string | null | undefined): string {
  const target = (location ?? "").replace(/[^\x21-\x7e]/g, "").slice(0, maxLocationLength);
  return target === ""
    ? "a redirect to nowhere: correct the proxy"
    : `it redirects to ${target}, and calls do not follow redirects: give the address that is meant, or let the proxy pass calls on`;
}

const contentText = (contentType: string | null | undefined): string =>
  webPage.test(contentType ?? "")
    ? "a web page: the network may want a login in a browser first, or the address is that of another server"
    : `${contentType ? `content of type ${contentType.replace(/[^\x20-\x7e]/g, "").slice(0, maxNameLength)}` : "content of no type"}: the address is that of another server`;
