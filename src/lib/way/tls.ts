import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from "node:tls";
import { abortable } from "../async/abort.ts";
import type { Clock } from "../clock.ts";
import { certificateWords, type TlsPeer } from "./certificate-words.ts";
import { handshakeWords, noHttp2, silentHandshake } from "./tls-words.ts";
import { sniOf } from "./way.ts";
import { WayError } from "./way-error.ts";

export interface Secured {
  readonly socket: TLSSocket;
  readonly certificate: X509Certificate | undefined;
}

/**
 * Speaks TLS over this socket, and answers once the certificate has been found good. A peer that knows nothing of ALPN
 * passes. Rejects with a `WayError`, or with the signal's reason, and the socket is destroyed then.
 */
export async function secure(
  socket: Socket,
  peer: TlsPeer,
  {
    deadline,
    signal,
    deadlineMs,
    clock,
  }: { deadline: AbortSignal; signal: AbortSignal; deadlineMs: number; clock: Clock },
): Promise<Secured> {
  const startedMs = clock.monotonicMs();
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  try {
    // TLS would not notice it.
    if (socket.destroyed) throw handshakeWords(peer, new Error("closed"));
    const secured = connect({ socket, ...optionsFor(peer) }, () => resolve(secured));
    // Stays for the life of the socket: an error that nobody listens to would end the program.
    secured.on("error", (error) => reject(handshakeWords(peer, error)));
    secured.once("close", () => reject(handshakeWords(peer, new Error("closed"))));
    await abortable(promise, deadline);
    const certificate = secured.getPeerX509Certificate();
    if (!secured.authorized && peer.own.isInsecure !== true) {
      throw certificateWords(peer, { code: String(secured.authorizationError), certificate, now: clock.now() });
    }
    if (peer.protocol === "h2" && secured.alpnProtocol !== false && secured.alpnProtocol !== "h2") throw noHttp2(peer);
    return { socket: secured, certificate };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    // Whoever has waited in vain for the same may have closed it first.
    const waitedMs = deadline.aborted ? deadlineMs : clock.monotonicMs() - startedMs;
    const isSilence = error instanceof WayError && error.fault.kind === "tls_closed" && waitedMs >= deadlineMs / 2;
    throw deadline.aborted || isSilence ? silentHandshake(peer, waitedMs) : error;
  }
}

function optionsFor({ expectedName, protocol, trust, own: { cert, key } }: TlsPeer): ConnectionOptions {
  const servername = sniOf(expectedName);
  return {
    // Judged here afterwards: an error of Node would not have the certificate with it.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(expectedName, certificate),
    ALPNProtocols: [protocol],
    servername,
    ca: trust.ca === undefined ? undefined : [...trust.ca],
    cert,
    key,
  };
}
