import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import { deadlineAfter } from "../../../lib/async/abort.ts";
import type { Clock } from "../../../lib/clock.ts";

const patienceMs = 10_000;
const maxRedirects = 5;

/** Where the engine says, in its own log, that it gets the package from. */
export function packageAddress(log: string): URL | undefined {
  const [, last] = [...log.matchAll(/InstallPackage: installing \S+ \S+ from (https?:\/\/\S+)/g)].at(-1) ?? [];
  return last === undefined ? undefined : (URL.parse(last) ?? undefined);
}

/**
 * How large the file at an address is, if its server says so: asked beside the engine's download, with its proxies and
 * authorities, and for people only. Undefined when it is not known; never rejects.
 */
export async function announcedBytes(
  url: URL,
  environment: Readonly<Record<string, string>>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<number | undefined> {
  // Only here: it is large, and seldom needed.
  const { EnvHttpProxyAgent, interceptors, request } = await import("undici");
  const proxyIn = (name: string) => environment[name.toLowerCase()] ?? environment[name.toUpperCase()];
  const proxies = {
    httpProxy: proxyIn("http_proxy"),
    httpsProxy: proxyIn("https_proxy"),
    noProxy: proxyIn("no_proxy"),
  };
  const trust = await trustOf(environment.SSL_CERT_FILE);
  using deadline = deadlineAfter(clock, patienceMs, signal);
  const given = Object.fromEntries(Object.entries(proxies).map(([name, value]) => [name, value ?? ""]));
  const agent = new EnvHttpProxyAgent({ ...given, connect: trust, requestTls: trust, proxyTls: trust });
  try {
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: maxRedirects }));
    const { statusCode, headers, body } = await request(url, { dispatcher, method: "HEAD", signal: deadline.signal });
    await body.dump();
    const bytes = Number(headers["content-length"] ?? Number.NaN);
    return statusCode === 200 && Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
  } catch {
    return undefined;
  } finally {
    await agent.destroy();
  }
}

async function trustOf(file: string | undefined): Promise<{ readonly ca?: string[] | undefined }> {
  if (file === undefined || file === "") return {};
  const own = await readFile(file, "utf8").catch(() => undefined);
  return own === undefined ? {} : { ca: [...getCACertificates("default"), own] };
}
