import { readFile } from "node:fs/promises";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Clock } from "../../lib/clock.ts";
import { pemProblem } from "../../lib/net/pem.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { Endpoints } from "../../lib/way/endpoints.ts";
import { explained } from "../../lib/way/explained.ts";
import { type EndpointTransport, severalTransports } from "../../lib/way/several.ts";
import { type ClientTls, type Way, wayTo } from "../../lib/way/way.ts";
import { usageError } from "../problems/problem.ts";
import type { Connection } from "./connection.ts";
import { type ClientIdentity, debugLines, identify } from "./interceptors.ts";
import { retryReads } from "./retry.ts";
import { ServerSession } from "./server-session.ts";

/** A transport whose connection ends when this is disposed. */
export interface OwnedTransport extends Disposable {
  readonly transport: Transport;
  /** Ends the connection and its streams; the next call dials again. */
  hangUp(): void;
  /** What is called next goes to another address than the present one, if there is one. */
  leave(): void;
}

interface Needs {
  readonly connection: Connection;
  readonly sender: ClientIdentity;
  /** Writes a line about each call; undefined without `--debug`. */
  readonly debug: ((line: string) => void) | undefined;
  readonly signal: AbortSignal;
}

const maxMessageBytes = 16 * 2 ** 20;

/**
 * Connect over one HTTP/2 connection, to the first of the server's addresses that is well: unary calls carry the timeout,
 * every call ends with the signal, nothing is compressed.
 */
export async function openTransport({ connection, sender, debug, signal }: Needs): Promise<OwnedTransport> {
  const { addresses, environment, timeoutMs, token } = connection;
  const { clock, random } = sender;
  const tls = await tlsOf(connection);
  const endpoints = new Endpoints(addresses, { clock, random });
  const open = (address: string) => {
    const way = wayTo(address, { tls, environment, clock, endpoints });
    return transportTo(way, [
      identify(sender, { address, token: token.value }),
      ...(debug === undefined ? [] : [debugLines(clock, debug)]),
    ]);
  };
  const several = severalTransports({ endpoints, open, clock });
  const retried = retryReads(several, {
    clock,
    random,
    isElsewhere: () => endpoints.hasUntried() && addresses.length > 1,
  });
  return {
    transport: bounded(retried, timeoutMs.value, signal),
    hangUp: () => several.hangUp(),
    leave: () => {
      if (several.endpoint !== undefined) endpoints.hasFailed(several.endpoint);
    },
    [Symbol.dispose]: () => several.close(),
  };
}

function transportTo(way: Way, interceptors: Interceptor[]): EndpointTransport {
  const session = new ServerSession(way);
  const inner = createConnectTransport({
    baseUrl: way.url,
    httpVersion: "2",
    sessionManager: session,
    interceptors,
    acceptCompression: [],
    readMaxBytes: maxMessageBytes,
  });
  return {
    ...explained(inner, session.dialer),
    connect: (signal) => session.connect(signal),
    get endpoint() {
      return session.dialer.endpoint;
    },
    hangUp: () => session.hangUp(),
    close: () => session.hangUp(),
  };
}

/** The same calls, with a timeout on every unary one and this signal on all that have none of their own. */
const bounded = (inner: Transport, timeoutMs: number, signal: AbortSignal): Transport => ({
  unary: (method, own, ownTimeoutMs, header, input, values) =>
    inner.unary(method, own ?? signal, ownTimeoutMs ?? timeoutMs, header, input, values),
  stream: (method, own, ownTimeoutMs, header, input, values) =>
    inner.stream(method, own ?? signal, ownTimeoutMs, header, input, values),
});

/** The way to one of the server's addresses. */
export async function wayOf(connection: Connection, address: string, clock: Clock): Promise<Way> {
  return wayTo(address, { tls: await tlsOf(connection), environment: connection.environment, clock });
}

async function tlsOf({ tls }: Connection): Promise<ClientTls> {
  const [ca, cert, key] = await Promise.all([
    pem(tls.caFile.value, tls.caFile.origin),
    pem(tls.certFile.value, tls.certFile.origin),
    pem(tls.keyFile.value, tls.keyFile.origin),
  ]);
  const problem = pemProblem({ ca, cert, key });
  if (problem !== undefined) {
    const { origin } = tls[`${problem.part}File`];
    throw usageError(`the file of ${origin} ${problem.message}`);
  }
  return { ca, cert, key, serverName: tls.serverName.value, isInsecure: tls.insecure.value };
}

async function pem(path: string | undefined, origin: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((error: unknown) => {
    throw usageError(`the file of ${origin} cannot be read: ${messageOf(error)}`);
  });
}
