import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { createSecureContext } from "node:tls";
import type { ServerCertificate } from "../control/core/control.ts";
import { isLoopback, type Listener, listen } from "../http/listener.ts";
import { healthPages } from "../http/pages.ts";
import type { Readiness } from "../http/readiness.ts";
import type { StreamTenant, Tenant } from "../http/tenant.ts";
import type { Log } from "../lib/program/log.ts";
import { messageOf } from "../lib/values/errors.ts";
import { trustOf } from "./proxy-settings.ts";
import type { ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

/** A certificate with its key, both in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

type TlsSettings = Pick<ServerSettings, "tlsCertFile" | "tlsKeyFile">;

/**
 * Certificate and key as they are on the disk now; undefined without TLS. Throws a `StartError` for files that do not
 * fit.
 */
export async function readTls({ tlsCertFile, tlsKeyFile }: TlsSettings): Promise<TlsPair | undefined> {
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined))
    throw new StartError(2, "TLS needs both --tls-cert-file and --tls-key-file");
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  const pair = { cert: await readPem(tlsCertFile), key: await readPem(tlsKeyFile) };
  try {
    createSecureContext(pair);
  } catch (error) {
    const why = messageOf(error);
    throw new StartError(2, `the TLS files ${tlsCertFile} and ${tlsKeyFile} do not fit together: ${why}`);
  }
  return pair;
}

/** What a certificate was issued for, and when it ends; undefined without TLS. */
export function certificateOf(pair: TlsPair | undefined): ServerCertificate | undefined {
  if (pair === undefined) return undefined;
  const { subject, subjectAltName = "", validFromDate, validToDate } = new X509Certificate(pair.cert);
  const [name = ""] = subjectAltName.split(", ").map((one) => one.replace(/^(DNS|IP Address):/, ""));
  return { name: name === "" ? subject.replaceAll("\n", ", ") : name, beginsAt: validFromDate, endsAt: validToDate };
}

/** Finds out whether the port could be opened, before anything is made that a start without it would leave behind. */
export async function tryPort(settings: ServerSettings): Promise<void> {
  const { host, port } = settings.listen;
  const tls = await readTls(settings);
  trustOf(settings);
  if (tls === undefined && !settings.allowPlaintext && !isLoopback(host)) {
    const advice = "give --tls-cert-file and --tls-key-file, listen on 127.0.0.1, or allow it with --allow-plaintext";
    throw new StartError(2, `${host} can be reached from other machines, and would be served without TLS: ${advice}`);
  }
  const failure = await bindOnce(host, port);
  if (failure === undefined) return;
  if (failure.code === "EADDRINUSE")
    throw new StartError(1, `${host}:${port} is in use by another program: stop it, or choose another --listen`);
  throw new StartError(1, `cannot listen on ${host}:${port}: ${failure.message}`);
}

/** Binds a port and lets it go again; answers why that cannot be. */
export async function bindOnce(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const server = createServer();
  server.once("error", resolve);
  server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  return promise;
}

export interface PortParts {
  /** Who answers what comes in, in this order; the health pages come last. */
  readonly tenants: readonly Tenant[];
  /** Who is asked about streams of HTTP/2 before them. */
  readonly streams: StreamTenant;
  readonly readiness: Readiness;
}

/** Opens the port and serves its tenants. */
export async function openPort(
  { settings, log }: { readonly settings: ServerSettings; readonly log: Log },
  { tenants: served, streams, readiness }: PortParts,
): Promise<Listener> {
  const { listen: address, allowPlaintext } = settings;
  const tls = await readTls(settings);
  const proxies = { trust: trustOf(settings), pathPrefix: settings.pathPrefix };
  const secured = tls === undefined ? {} : { tls };
  const tenants = [...served, healthPages(readiness)].map((tenant) => ({ prefix: "", tenant }));
  const outcome = await listen({ tenants, streams, log, ...address, ...secured, allowPlaintext, ...proxies });
  switch (outcome.kind) {
    case "listening":
      return outcome.listener;
    case "plaintext-refused":
      throw new StartError(2, outcome.message);
    case "address-in-use":
    case "address-unavailable":
      throw new StartError(1, outcome.message);
  }
}

const readPem = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((error: unknown) => {
    throw new StartError(2, `the TLS file ${path} cannot be read: ${messageOf(error)}`);
  });
