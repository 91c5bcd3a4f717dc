import { readFile } from "node:fs/promises";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Clock } from "../../lib/clock.ts";
import { pemProblem } from "../../lib/net/pem.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { explained } from "../../lib/way/explained.ts";
import { type Way, wayTo } from "../../lib/way/way.ts";
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
 * Connect over one HTTP/2 connection: unary calls carry the timeout, every call ends with the signal, nothing is
 * compressed.
 */
export async function openTransport({ connection, sender, debug, signal }: Needs): Promise<OwnedTransport> {
  const address = connection.address.value;
  const session = new ServerSession(await wayOf(connection, sender.clock));
  const interceptors: Interceptor[] = [
    retryReads(sender),
    identify(sender, { address, token: connection.token.value }),
    ...(debug === undefined ? [] : [debugLines(sender.clock, debug)]),
  ];
  const inner = createConnectTransport({
    baseUrl: address,
    httpVersion: "2",
    sessionManager: session,
    interceptors,
    acceptCompression: [],
    readMaxBytes: maxMessageBytes,
  });
  return {
    transport: bounded(explained(inner, session.dialer), connection.timeoutMs.value, signal),
    hangUp: () => session.hangUp(),
    [Symbol.dispose]: () => session.hangUp(),
  };
}

/** The same calls, with a timeout on every unary one and this signal on all that have none of their own. */
const bounded = (inner: Transport, timeoutMs: number, signal: AbortSignal): Transport => ({
  unary: (method, own, ownTimeoutMs, header, input, values) =>
    inner.unary(method, own ?? signal, ownTimeoutMs ?? timeoutMs, header, input, values),
  stream: (method, own, ownTimeoutMs, header, input, values) =>
    inner.stream(method, own ?? signal, ownTimeoutMs, header, input, values),
});

/** The way to the server. */
export async function wayOf({ address, tls, environment }: Connection, clock: Clock): Promise<Way> {
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
  const own = { ca, cert, key, serverName: tls.serverName.value, isInsecure: tls.insecure.value };
  return wayTo(address.value, { tls: own, environment, clock });
}

async function pem(path: string | undefined, origin: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((error: unknown) => {
    throw usageError(`the file of ${origin} cannot be read: ${messageOf(error)}`);
  });
}
