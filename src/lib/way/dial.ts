import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { deadlineAfter } from "../async/abort.ts";
import type { TlsPeer } from "./certificate-words.ts";
import type { ForwardProxy } from "./proxy.ts";
import { connectFirst, resolve } from "./tcp.ts";
import type { FirstHop } from "./tcp-words.ts";
import { secure } from "./tls.ts";
import { type Trust, trustOf } from "./trust.ts";
import { openTunnel } from "./tunnel.ts";
import { proxyName } from "./tunnel-words.ts";
import type { Way } from "./way.ts";
import { WayError } from "./way-error.ts";

/** A step that went well; `ms` is how long it took. */
export type WayProgress =
  | { readonly kind: "resolved"; readonly hop: FirstHop; readonly addresses: readonly string[] }
  | { readonly kind: "connected"; readonly hop: FirstHop; readonly ms: number }
  | { readonly kind: "tunneled"; readonly proxy: ForwardProxy; readonly ms: number }
  | { readonly kind: "secured"; readonly socket: TLSSocket; readonly certificate: X509Certificate | undefined };

export interface Dialed {
  /** HTTP/2 can begin on it. */
  readonly socket: Socket;
  /** The server's; undefined in plain text. */
  readonly certificate: X509Certificate | undefined;
}

/** Opens a connection to the server. Rejects with a `WayError` that names the obstacle, or with the signal's reason. */
export async function dial(way: Way, signal: AbortSignal, onProgress?: (step: WayProgress) => void): Promise<Dialed> {
  const trust = trustFor(way);
  const socket = await throughProxy(way, { trust, signal, onProgress: onProgress ?? (() => {}) });
  if (!way.server.isSecure) return { socket, certificate: undefined };
  const through = way.proxy.kind === "proxy" ? proxyName(way.proxy.proxy) : undefined;
  const secured = await speakTls(way, socket, {
    name: way.url,
    expectedName: way.expectedName,
    isProxy: false,
    through,
    protocol: "h2",
    own: way.tls,
    trust: await trust,
    signal,
  });
  onProgress?.({ kind: "secured", ...secured });
  return secured;
}

/** Begun early: reading the system's authorities takes as long as connecting does. */
function trustFor({ server, proxy, tls, environment }: Way): Promise<Trust> {
  const isNeeded = server.isSecure || (proxy.kind === "proxy" && proxy.proxy.isSecure);
  const trust = isNeeded ? trustOf(tls.ca, environment) : Promise.resolve({ ca: undefined, words: "" });
  trust.catch(() => {});
  return trust;
}

interface Going {
  readonly trust: Promise<Trust>;
  readonly signal: AbortSignal;
  readonly onProgress: (step: WayProgress) => void;
}

async function throughProxy(way: Way, going: Going): Promise<Socket> {
  const { server, proxy: choice } = way;
  if (choice.kind === "refused") {
    throw new WayError({ kind: "proxy_setting", step: "proxy", what: choice.message, fix: "" });
  }
  if (choice.kind === "direct") return toFirstHop(way, { ...server, name: way.url, isProxy: false }, going);
  const { proxy } = choice;
  const socket = await toProxy(way, proxy, going);
  const startedMs = way.clock.monotonicMs();
  using deadline = deadlineAfter(way.clock, way.stepMs, going.signal);
  const signals = { deadline: deadline.signal, signal: going.signal };
  await openTunnel(socket, { proxy, server, deadlineMs: way.stepMs }, signals);
  going.onProgress({ kind: "tunneled", proxy, ms: way.clock.monotonicMs() - startedMs });
  return socket;
}

async function toProxy(way: Way, proxy: ForwardProxy, going: Going): Promise<Socket> {
  const name = proxyName(proxy);
  const plain = await toFirstHop(way, { host: proxy.host, port: proxy.port, name, isProxy: true }, going);
  if (!proxy.isSecure) return plain;
  const { socket } = await speakTls(way, plain, {
    name,
    expectedName: proxy.host,
    isProxy: true,
    through: undefined,
    protocol: "http/1.1",
    own: {},
    trust: await going.trust,
    signal: going.signal,
  });
  return socket;
}

async function toFirstHop(way: Way, hop: FirstHop, { signal, onProgress }: Going): Promise<Socket> {
  const found = await resolve(hop, way, signal);
  // A proxy finds the server by itself: which host behind the name that is, is not known here.
  const addresses = hop.isProxy ? found : (way.endpoints?.hostsInOrder(way.url, found) ?? found);
  onProgress({ kind: "resolved", hop, addresses });
  const startedMs = way.clock.monotonicMs();
  const socket = await connectFirst(hop, addresses, { ...way, signal });
  socket.setNoDelay();
  onProgress({ kind: "connected", hop, ms: way.clock.monotonicMs() - startedMs });
  return socket;
}

async function speakTls(way: Way, socket: Socket, { signal, ...peer }: TlsPeer & { readonly signal: AbortSignal }) {
  using deadline = deadlineAfter(way.clock, way.stepMs, signal);
  const terms = { deadline: deadline.signal, signal, deadlineMs: way.stepMs, clock: way.clock };
  // Awaited here, or the deadline would be over at once.
  return await secure(socket, peer, terms);
}
