import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from "node:tls";
import { abortable } from "../abort.ts";
import type { Clock } from "../clock.ts";
import { certificateWords } from "./certificate-words.ts";
import { handshakeWords, noHttp2, silentHandshake } from "./tls-words.ts";
import type { Trust } from "./trust.ts";
import { type ClientTls, sniOf } from "./way.ts";
import { WayError } from "./way-error.ts";

/** Whom TLS is spoken with. */
export interface Peer {
  /** For people: `https://tf.example.com` or `the proxy https://proxy:3129 (https_proxy)`. */
  readonly name: string;
  /** What its certificate must be for. */
  readonly expectedName: string;
  readonly isProxy: boolean;
  /** The proxy on the way to the server, for people. */
  readonly through: string | undefined;
  /** The only protocol that is offered by ALPN. */
  readonly protocol: "h2" | "http/1.1";
  readonly trust: Trust;
  /** What is shown to it; whether any certificate of it will do. */
  readonly own: Pick<ClientTls, "cert" | "key" | "isInsecure">;
}

export interface Secured {
  readonly socket: TLSSocket;
  readonly certificate: X509Certificate | undefined;
}

/**
 * Speaks TLS over this socket, and answers once the certificate has been found good. A peer that knows nothing of ALPN passes.
 * Rejects with a `WayError`, or with the signal's reason, and the socket is destroyed then.
 */
export async function secure(
  socket: Socket,
  peer: Peer,
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

function optionsFor({ expectedName, protocol, trust, own: { cert, key } }: Peer): ConnectionOptions {
  const servername = sniOf(expectedName);
  return {
    // Judged here afterwards: an error of Node would not have the certificate with it.
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(expectedName, certificate),
    ALPNProtocols: [protocol],
    ...(servername === undefined ? {} : { servername }),
    ...(trust.ca === undefined ? {} : { ca: [...trust.ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
