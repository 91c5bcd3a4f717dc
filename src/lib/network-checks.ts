import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectHttp2, type SecureClientSessionOptions } from "node:http2";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { attempt, type Check, fail, ok, skip, warn } from "./checks.ts";
import type { Clock } from "./clock.ts";

export interface NetworkTarget {
  /** `http://host:port` or `https://host[:port]`. */
  readonly address: string;
  readonly tls: Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">;
  readonly clock: Clock;
}

const deadlineMs = 5_000;
const dayMs = 86_400_000;
const warnDays = 14;

/** Checks `address`, `tcp`, `tls` and `http2`, each after the one before it went well. */
export async function checkNetwork(target: NetworkTarget): Promise<readonly Check[]> {
  const url = new URL(target.address);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const place: Place = { ...target, host, port, isSecure: url.protocol === "https:" };
  const steps: readonly (readonly [string, () => Promise<Check>])[] = [
    ["address", () => attempt("address", "check the name, or the resolver of this machine", () => resolves(place))],
    [
      "tcp",
      () => attempt("tcp", "is the server running, and does a firewall let this machine through?", () => dial(place)),
    ],
    ["tls", () => attempt("tls", "see --ca-file and --server-name", () => handshake(place))],
    ["http2", () => attempt("http2", "let the proxy in between speak HTTP/2 to both sides", () => speaksHttp2(place))],
  ];
  const checks: Check[] = [];
  for (const [id, look] of steps) {
    const isBroken = checks.some(({ status }) => status === "fail");
    checks.push(isBroken ? skip(id, "not tried") : await look());
  }
  return checks;
}

interface Place extends NetworkTarget {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

async function resolves({ host }: Place): Promise<Check> {
  if (isIP(host) !== 0) return ok("address", host);
  const found = await lookup(host, { all: true });
  return ok("address", `${host} is ${found.map(({ address }) => address).join(", ")}`);
}

async function dial({ host, port, clock }: Place): Promise<Check> {
  const startedMs = clock.monotonicMs();
  const socket = connectTcp({ host, port });
  await opened(socket, "connect");
  socket.destroy();
  return ok("tcp", `${host}:${port} answers after ${Math.round(clock.monotonicMs() - startedMs)} ms`);
}

async function handshake({ host, port, isSecure, tls, clock }: Place): Promise<Check> {
  if (!isSecure) {
    const isLocal = host === "localhost" || host === "::1" || host.startsWith("127.");
    if (isLocal) return ok("tls", "none: plaintext on this machine");
    return warn("tls", "none: tokens and secrets travel in plaintext", "use https://");
  }
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = connectTls({ host, port, ALPNProtocols: ["h2", "http/1.1"], ...name, ...tls });
  await opened(socket, "secureConnect");
  const check = judgeCertificate(socket, clock.now());
  socket.destroy();
  return check;
}

function judgeCertificate(socket: TLSSocket, now: Date): Check {
  const { valid_to, subject } = socket.getPeerCertificate();
  const days = Math.floor((new Date(valid_to).getTime() - now.getTime()) / dayMs);
  const seen = `${socket.getProtocol() ?? "TLS"}, certificate of ${String(subject?.CN ?? "?")} for ${days} more days`;
  if (!socket.authorized) return warn("tls", `${seen}, not verified`, "do not use --insecure in production");
  return days < warnDays ? warn("tls", seen, "renew the certificate") : ok("tls", seen);
}

async function speaksHttp2({ address, tls, clock }: Place): Promise<Check> {
  const session = connectHttp2(address, tls);
  try {
    await opened(session, "connect");
    const startedMs = clock.monotonicMs();
    const answered = Promise.withResolvers<void>();
    session.ping((error) => (error === null ? answered.resolve() : answered.reject(error)));
    await Promise.race([answered.promise, failure(session)]);
    return ok("http2", `spoken; a ping takes ${Math.round(clock.monotonicMs() - startedMs)} ms`);
  } finally {
    session.destroy();
  }
}

type Opening = NodeJS.EventEmitter & { destroy(): unknown };

async function opened(socket: Opening, event: string): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    await once(socket, event, { signal });
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw new Error(`no answer within ${deadlineMs / 1000} s`);
    throw error;
  }
}

async function failure(emitter: NodeJS.EventEmitter): Promise<never> {
  const [error] = await once(emitter, "error", { signal: AbortSignal.timeout(deadlineMs) }).catch((cause) => [cause]);
  throw error instanceof Error ? error : new Error("no answer");
}

/** Compares this machine's clock with the server's. */
export function judgeClock(own: Date, server: Date): Check {
  const skewS = Math.round((own.getTime() - server.getTime()) / 1000);
  const seen = `this machine is ${Math.abs(skewS)} s ${skewS < 0 ? "behind" : "ahead of"} the server`;
  return Math.abs(skewS) > 30 ? warn("clock", seen, "run a time service on both") : ok("clock", seen);
}

/** Judges how long each piece of a probe took to arrive, in milliseconds since the call. */
export function judgeStream(arrivalsMs: readonly number[], pauseMs: number): Check {
  const [first = 0] = arrivalsMs;
  const last = arrivalsMs.at(-1) ?? 0;
  const seen = `${arrivalsMs.length} pieces over ${Math.round(last - first)} ms`;
  const isHeldBack = last - first < ((arrivalsMs.length - 1) * pauseMs) / 2;
  if (arrivalsMs.length === 0) return fail("stream", "nothing arrived", "see the server's log");
  if (isHeldBack) return fail("stream", `${seen}: held back on the way`, "switch buffering off in the proxy");
  return ok("stream", seen);
}
