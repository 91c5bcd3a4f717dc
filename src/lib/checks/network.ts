import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { deadlineAfter } from "../async/abort.ts";
import { type Dialed, dial, type WayProgress } from "../way/dial.ts";
import { http2Error, unfinished } from "../way/http2-words.ts";
import { hostPort, isLoopback } from "../way/server-address.ts";
import { proxyName } from "../way/tunnel-words.ts";
import type { Way } from "../way/way.ts";
import { WayError, type WayFault, type WayStep } from "../way/way-error.ts";
import { type Check, fail, ok, skip, warn } from "./check.ts";

const dayMs = 86_400_000;
const warnDays = 14;
const steps: readonly WayStep[] = ["address", "tcp", "proxy", "tls", "http2"];

/**
 * Goes the way that the calls go, once: checks `address`, `tcp`, `proxy`, `tls` and `http2`, those after a failed one
 * skipped. With a proxy `address` and `tcp` are those of the proxy, which finds the server itself.
 */
export async function checkNetwork(way: Way): Promise<readonly Check[]> {
  const found = new Map<WayStep, Check>(way.proxy.kind === "direct" ? [["proxy", noProxy(way)]] : []);
  try {
    const note = (progress: WayProgress) => {
      const check = checkOf(way, progress);
      found.set(check.id, check);
    };
    const dialed = await dial(way, new AbortController().signal, note);
    if (!way.server.isSecure) found.set("tls", plaintext(way));
    found.set("http2", await speaksHttp2(way, dialed));
  } catch (error) {
    if (!(error instanceof WayError)) throw error;
    const { step, what, fix }: WayFault = error.fault;
    found.set(step, fail(step, what, fix));
  }
  return steps.map((step) => found.get(step) ?? skip(step, "not tried"));
}

const noProxy = ({ proxy }: Way): Check => {
  const why = proxy.kind === "direct" ? proxy.why : undefined;
  return ok("proxy", why === undefined ? "none" : `none: ${why}`);
};

function checkOf(way: Way, progress: WayProgress): Check<WayStep> {
  switch (progress.kind) {
    case "resolved": {
      const { hop, addresses } = progress;
      const of = hop.isProxy ? `${hop.host} of the proxy` : hop.host;
      return ok("address", addresses.join(", ") === hop.host ? of : `${of} is ${addresses.join(", ")}`);
    }
    case "connected": {
      const { host, port } = progress.hop;
      return ok("tcp", `${hostPort(host, port)} answers after ${Math.round(progress.ms)} ms`);
    }
    case "tunneled":
      return ok("proxy", `${proxyName(progress.proxy)} lets us through in ${Math.round(progress.ms)} ms`);
    case "secured":
      return judgeCertificate(progress, way);
  }
}

function plaintext({ server }: Way): Check {
  if (isLoopback(server.host)) return ok("tls", "none: plaintext on this machine");
  return warn("tls", "none: tokens and secrets travel in plaintext", "use https://");
}

type Secured = Extract<WayProgress, { kind: "secured" }>;

function judgeCertificate({ socket, certificate }: Secured, { clock }: Way): Check<"tls"> {
  const ends = certificate?.validToDate ?? clock.now();
  const days = Math.floor((ends.getTime() - clock.now().getTime()) / dayMs);
  const name = /^CN=(.*)$/m.exec(certificate?.subject ?? "")?.[1] ?? "?";
  const seen = `${socket.getProtocol() ?? "TLS"}, certificate of ${name} for ${days} more days`;
  if (!socket.authorized) return warn("tls", `${seen}, not verified`, "do not use --insecure in production");
  return days < warnDays ? warn("tls", seen, "renew the certificate") : ok("tls", seen);
}

async function speaksHttp2(way: Way, dialed: Dialed): Promise<Check> {
  using deadline = deadlineAfter(way.clock, way.stepMs);
  const session = connectHttp2(`http://${way.server.authority}`, { createConnection: () => dialed.socket });
  try {
    return ok("http2", `spoken; a ping takes ${Math.round(await ping(session, deadline.signal))} ms`);
  } catch (error) {
    throw deadline.signal.aborted ? unfinished(way, "http2") : http2Error(way, dialed, error);
  } finally {
    session.destroy();
  }
}

/** Milliseconds from here to the server and back, once it has said the first thing. */
function ping(session: ClientHttp2Session, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  session.on("error", reject);
  session.once("close", () => reject(new Error("the connection was closed")));
  session.once("remoteSettings", () => {
    session.ping((error, durationMs) => (error === null ? resolve(durationMs) : reject(error)));
  });
  return promise;
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
