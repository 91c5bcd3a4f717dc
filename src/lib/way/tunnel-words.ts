import type { IncomingMessage } from "node:http";
import { errnoOf, messageOf } from "../values/errors.ts";
import type { ForwardProxy } from "./proxy.ts";
import { WayError } from "./way-error.ts";

export interface Asked {
  readonly proxy: ForwardProxy;
  /** `host:port` of the server. */
  readonly target: string;
}

/** `the proxy http://proxy:3128 (https_proxy)`. */
export const proxyName = ({ url, origin }: ForwardProxy): string => `the proxy ${url} (${origin})`;

type Status = Pick<IncomingMessage, "statusCode" | "headers">;

/** Why a proxy that answered with this status opens no tunnel. */
export function refusalWords(asked: Asked, status: Status): WayError {
  const { statusCode = 0 } = status;
  if (statusCode === 407 || statusCode === 401) return credentialWords(asked, status);
  const kind = "proxy_refusal";
  const name = proxyName(asked.proxy);
  const meaning = meanings[statusCode] ?? (statusCode >= 500 ? unreachable : undefined);
  const why = squidError(status);
  const does = meaning?.does ?? "opens no tunnel to TARGET";
  const what = `${name} ${does.replace("TARGET", asked.target)} (HTTP ${statusCode}${why})`;
  return new WayError({ kind, step: "proxy", what, fix: meaning?.fix ?? "see the log of the proxy" });
}

interface Meaning {
  readonly does: string;
  readonly fix: string;
}

const unreachable: Meaning = {
  does: "cannot reach TARGET",
  fix: "check the address, and whether the proxy knows the name and has a way there",
};
const noTunnels: Meaning = { does: "opens no tunnels", fix: "is it a forward proxy, and is the port right?" };

const meanings: Readonly<Record<number, Meaning>> = {
  400: noTunnels,
  403: { does: "does not allow CONNECT to TARGET", fix: "let it allow this host and port" },
  404: unreachable,
  405: noTunnels,
  429: { does: "limits how often it may be asked", fix: "trying again later" },
  501: noTunnels,
};

/** Squid says more in a header of its own. */
function squidError({ headers }: Status): string {
  const [word = ""] = String(headers["x-squid-error"] ?? "").split(" ");
  return /^[A-Z_]{3,40}$/.test(word) ? `, ${word}` : "";
}

function credentialWords({ proxy }: Asked, { statusCode, headers }: Status): WayError {
  const schemes = schemesOf(headers["proxy-authenticate"] ?? headers["www-authenticate"]);
  const name = proxyName(proxy);
  const fault = { kind: "proxy_credentials", step: "proxy" } as const;
  if (schemes.length > 0 && !schemes.includes("basic")) {
    const what = `${name} wants a log-in by ${schemes.join(" or ")} (HTTP ${statusCode})`;
    const fix = "only user and password (Basic) are supported: let it allow those, or this host without a log-in";
    return new WayError({ ...fault, what, fix });
  }
  const form = `${proxy.origin}=${proxy.url.replace("://", "://USER:PASSWORD@")}`;
  if (proxy.authorization === undefined) {
    return new WayError({ ...fault, what: `${name} wants a user and a password (HTTP ${statusCode})`, fix: form });
  }
  const what = `${name} does not accept the user and the password of ${proxy.origin} (HTTP ${statusCode})`;
  return new WayError({ ...fault, what, fix: `check them in ${form}; special characters as in %40` });
}

/** The names of the ways to log in, in lower case. */
function schemesOf(header: string | readonly string[] | undefined): readonly string[] {
  const text = [header ?? []].flat().join(", ");
  const names = [...text.matchAll(/(?:^|,\s*)([A-Za-z][A-Za-z0-9-]{0,30})(?=\s|,|$)/g)].map(([, name = ""]) => name);
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

/** A proxy that answers in something else than HTTP, or closes. */
export function strangeProxy({ proxy }: Asked, error: unknown): WayError {
  const fault = { kind: "proxy_foreign", step: "proxy" } as const;
  const name = proxyName(proxy);
  const packet = error instanceof Error && "rawPacket" in error ? error.rawPacket : undefined;
  if (packet instanceof Uint8Array) {
    const what = `${name} speaks no HTTP`;
    const isTls = packet[0] === 0x15 || packet[0] === 0x16;
    const secure = `it speaks TLS: name it as ${proxy.url.replace(/^http:/, "https:")} in ${proxy.origin}`;
    return new WayError({ ...fault, what, fix: isTls ? secure : `is the port right in ${proxy.origin}?` }, error);
  }
  const isClosed = ["ECONNRESET", "EPIPE"].includes(errnoOf(error) ?? "");
  const what = isClosed ? `${name} closes the connection without an answer` : `${name} failed: ${messageOf(error)}`;
  return new WayError(
    {
      ...fault,
      what,
      fix: "see its log: does it let this machine in, and is it spoken to as it should (http:// or https://)?",
    },
    error,
  );
}

/** The proxy took the connection and has said nothing for so long. */
export function silentProxy({ proxy, target }: Asked, afterMs: number): WayError {
  const what = `${proxyName(proxy)} opens no tunnel to ${target} within ${afterMs / 1000} s`;
  const fix = "check whether the proxy has a way there, and see its log";
  return new WayError({ kind: "proxy_refusal", step: "proxy", what, fix });
}
