import { errnoOf, messageOf } from "../values/errors.ts";
import { hostPort } from "./server-address.ts";
import { WayError } from "./way-error.ts";

/** What TCP connects to: the server, or the proxy before it. */
export interface FirstHop {
  readonly host: string;
  readonly port: number;
  /** For people: `https://tf.example.com` or `the proxy http://proxy:3128 (https_proxy)`. */
  readonly name: string;
  readonly isProxy: boolean;
}

/** A name that was not resolved, and why. */
export function nameError(hop: FirstHop, error: unknown): WayError {
  if (errnoOf(error) === "EAI_AGAIN") return silentResolver(hop, undefined, error);
  const what = `the name in ${hop.name} cannot be resolved`;
  return new WayError(
    {
      kind: hop.isProxy ? "proxy_down" : "unknown_name",
      step: "address",
      what,
      fix: "check the name, or the resolver of this machine",
    },
    error,
  );
}

/** The resolver has not answered for so long; undefined: it has given up. */
export function silentResolver(hop: FirstHop, afterMs: number | undefined, cause?: unknown): WayError {
  const time = afterMs === undefined ? "" : ` within ${afterMs / 1000} s`;
  const what = `the resolver of this machine does not answer${time}: the name in ${hop.name} cannot be resolved`;
  const fix = "see /etc/resolv.conf, and whether its nameservers can be reached";
  return new WayError({ kind: "silent_resolver", step: "address", what, fix }, cause);
}

const routes = new Set(["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"]);

/** Why no address of the first hop took a connection; `errors` holds that of each that was tried. */
export function tcpError(hop: FirstHop, errors: readonly unknown[]): WayError {
  const codes = errors.map(errnoOf);
  const isRefused = codes.includes("ECONNREFUSED");
  if (isRefused && !hop.isProxy) {
    const what = `no server answers at ${hop.name}: the connection was refused`;
    return new WayError({ kind: "refused", step: "tcp", what, fix: "is the server running there?" }, errors[0]);
  }
  if (hop.isProxy) return proxyDown(hop, isRefused ? "the connection was refused" : messageOf(errors[0]), errors[0]);
  const isUnreachable = codes.some((code = "") => routes.has(code));
  const why = isUnreachable ? "there is no route to it" : messageOf(errors[0]);
  const what = `${hop.name} cannot be reached: ${why}`;
  const fix = "check the address and the network of this machine";
  return new WayError({ kind: isUnreachable ? "unreachable" : "broken", step: "tcp", what, fix }, errors[0]);
}

/** Nothing came back for so long. */
export function tcpSilent(hop: FirstHop, afterMs: number): WayError {
  const why = `no answer within ${afterMs / 1000} s`;
  if (hop.isProxy) return proxyDown(hop, why);
  const what = `${hop.name} does not answer: ${hostPort(hop.host, hop.port)} takes no TCP connection within ${afterMs / 1000} s`;
  const fix = "does a firewall let this machine through, or is a proxy needed (https_proxy)?";
  return new WayError({ kind: "silent", step: "tcp", what, fix });
}

const proxyDown = (hop: FirstHop, why: string, cause?: unknown): WayError =>
  new WayError(
    {
      kind: "proxy_down",
      step: "tcp",
      what: `${hop.name} cannot be reached: ${why}`,
      fix: "is it running, or should the server be excepted in no_proxy?",
    },
    cause,
  );

/** What a socket's error says, without our own place in the network. */
