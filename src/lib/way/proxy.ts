import type { Environment } from "../environment.ts";
import { exceptionFor } from "./no-proxy.ts";
import { hostPort, isLoopback, type ServerAddress } from "./server-address.ts";

/** A forward proxy that is asked for tunnels with CONNECT. */
export interface ForwardProxy {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** The value of `proxy-authorization`; undefined without a user. */
  readonly authorization: string | undefined;
  /** For people: without user and password. */
  readonly url: string;
  /** The variable that names it. */
  readonly origin: string;
}

/** Whether a proxy stands between here and a server. */
export type ProxyChoice =
  | {
      readonly kind: "direct";
      /** Why a proxy that the environment names is not used; undefined if it names none. */
      readonly why: string | undefined;
    }
  | { readonly kind: "proxy"; readonly proxy: ForwardProxy }
  /** The environment names one that cannot be used: a sentence. */
  | { readonly kind: "refused"; readonly message: string };

/**
 * The proxy for a server, from `https_proxy` (of https addresses) or `http_proxy` (of http ones), else `all_proxy`, and
 * the exceptions in `no_proxy`; each also in upper case, which counts if the lower one is not set or empty. This
 * machine itself is never reached through a proxy, as with Go's programs. `HTTP_PROXY` is not read under CGI
 * (`REQUEST_METHOD` is set): there whoever sends a request could set it.
 */
export function chooseProxy(address: ServerAddress, environment: Environment): ProxyChoice {
  const named = variableOf(environment, address.isSecure ? "https_proxy" : "http_proxy", "all_proxy");
  if (named === undefined) return { kind: "direct", why: undefined };
  if (isLoopback(address.host)) return { kind: "direct", why: "this machine itself is never reached through a proxy" };
  const except = variableOf(environment, "no_proxy");
  const item = except === undefined ? undefined : exceptionFor(address, except.value);
  if (item !== undefined) return { kind: "direct", why: `${except?.name} excepts ${item}` };
  return readProxy(named);
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

function variableOf(environment: Environment, ...names: readonly string[]): Variable | undefined {
  const spellings = names.flatMap((name) =>
    name === "http_proxy" && environment.REQUEST_METHOD !== undefined ? [name] : [name, name.toUpperCase()],
  );
  const name = spellings.find((one) => (environment[one] ?? "").trim() !== "");
  return name === undefined ? undefined : { name, value: (environment[name] ?? "").trim() };
}

const expected = "expected http://HOST:PORT or https://HOST:PORT, perhaps with USER:PASSWORD@";

function readProxy({ name, value }: Variable): ProxyChoice {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase() ?? "http";
  if (scheme !== "http" && scheme !== "https") {
    const what = scheme.startsWith("socks") ? `names a SOCKS proxy (${scheme}://)` : `begins with ${scheme}://`;
    return {
      kind: "refused",
      message: `${name} ${what}, which is not supported: ${expected}, or except the server in no_proxy`,
    };
  }
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (url === null || url.hostname === "") {
    const hint = "special characters of the password as in %40";
    return { kind: "refused", message: `${name} is not the address of a proxy: ${expected}; ${hint}` };
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  return {
    kind: "proxy",
    proxy: {
      isSecure: scheme === "https",
      host,
      port,
      origin: name,
      authorization: authorizationOf(url),
      url: `${scheme}://${hostPort(host, port)}`,
    },
  };
}

function authorizationOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
}

/** A percent sign that escapes nothing stands for itself. */
const decoded = (text: string): string =>
  text.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
