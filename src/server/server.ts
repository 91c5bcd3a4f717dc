import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { engineHere } from "../agent/program/check-engine.ts";
import type { Control } from "../control/core/control.ts";
import { Liveness } from "../control/sessions/liveness.ts";
import type { Listener } from "../http/listener.ts";
import { Readiness } from "../http/readiness.ts";
import { closeInherited } from "../lib/fs/inherited-descriptors.ts";
import { version } from "../lib/program/version.ts";
import { messageOf } from "../lib/values/errors.ts";
import { firstStart } from "./first-start.ts";
import { type Joined, joinReplicas } from "./join-replicas.ts";
import { startLoops } from "./loops.ts";
import { type MetricsParts, openMetricsPort } from "./observability/metrics-port.ts";
import { type Observability, openObservability } from "./observability/observe.ts";
import { openControl } from "./open-control.ts";
import { openStores } from "./open-stores.ts";
import { beginOpening, type Opening, refuseCopies, type ServerOptions } from "./opening.ts";
import { openPort } from "./port.ts";
import { callsOf } from "./routes.ts";
import {
  chooseServerAgent,
  keyFilesOf,
  type ServerAgentChoice,
  warnOfAdminKey,
  warnOfServerAgent,
} from "./server-agent-sandbox.ts";
import { ShownCertificate } from "./shown-certificate.ts";
import { StartError } from "./start-error.ts";
import { builtWebFiles } from "./web-files.ts";

/** A running control plane. Disposing it stops gracefully: agents are sent away, calls end, stores close. */
export interface Server extends AsyncDisposable {
  /** What a client on this machine dials. */
  readonly url: string;
  readonly dataDir: string;
  /** Shows the certificate that is on the disk now to those who connect from now on; a bad one changes nothing. */
  rereadTls(): Promise<void>;
}

/** Opens everything in order, or throws a `StartError` that says what to do and leaves nothing open. */
export async function openServer(options: ServerOptions): Promise<Server> {
  await using owned = new AsyncDisposableStack();
  const opening = await beginOpening(options, owned);
  const { dataDir, log } = opening;
  const parts = await openParts(opening);
  const settled = await settleIn(opening, parts);
  const { listener, certificate, startAgent } = await serve(opening, { ...parts, ...settled });
  // Named at every start: the first one may have failed after it made the key.
  const { adminKey: adminTokenFile } = keyFilesOf(opening.settings, dataDir);
  const made = existsSync(adminTokenFile) ? { adminTokenFile } : {};
  log.info({ url: listener.url, dataDir, version, ...made }, "windlassd is ready");
  // Its code is loaded while others are served already.
  await startAgent();
  const running = owned.move();
  return {
    url: listener.url,
    dataDir,
    rereadTls: () => certificate.reread(listener),
    [Symbol.asyncDispose]: () => {
      opening.deadline.begin();
      return running.disposeAsync();
    },
  };
}

interface Parts {
  readonly control: Control;
  readonly watching: Observability;
  readonly certificate: ShownCertificate;
  readonly serverAgent: ServerAgentChoice;
}

async function openParts(opening: Opening): Promise<Parts> {
  const { settings, environment, owned } = opening;
  // Programs are tried while files are opened.
  const choosing = chooseServerAgent(settings, environment);
  choosing.catch(() => {});
  const watching = owned.use(await openObservability(environment));
  const certificate = await ShownCertificate.read(opening);
  const stores = await openStores(opening);
  const serverAgent = await choosing;
  const control = await openControl(opening, stores, {
    watching,
    certificate: () => certificate.facts,
    noServerAgent: serverAgent.kind === "none" ? serverAgent.cure : undefined,
  });
  return { control, watching, certificate, serverAgent };
}

interface Settled {
  /** Of the database's history. */
  readonly generation: string;
  readonly joined: Joined;
}

/** Makes what a first start makes, says what is not safe, and joins those that serve the database. */
async function settleIn(opening: Opening, { control, serverAgent }: Parts): Promise<Settled> {
  const { settings, environment, log, dataDir } = opening;
  await refuseCopies(opening, control);
  const keys = keyFilesOf(settings, dataDir);
  const defaultEngine = () => engineHere({ enginePaths: settings.enginePaths, searchPath: environment.PATH ?? "" });
  const named = { organization: settings.organization, adminTokenFile: keys.adminKey, defaultEngine };
  const { generation, adminTokenFile } = await firstStart(control, named);
  const joined = await joinReplicas(opening, control);
  if (adminTokenFile !== undefined)
    log.info(
      { file: adminTokenFile },
      "made an admin API key, in this file: sign in with it in the browser, or log in with `windlass login --token-stdin`",
    );
  warnOfAdminKey(log, dataDir, keys);
  warnOfServerAgent(log, serverAgent, keys);
  return { generation, joined };
}

interface Serving {
  readonly listener: Listener;
  readonly certificate: ShownCertificate;
  /** Starts the server's own agent, if it has one. */
  readonly startAgent: () => Promise<void>;
}

/** Last step: starts the loops and opens the port. */
async function serve(
  opening: Opening,
  { control, watching, certificate, serverAgent, generation, joined }: Parts & Settled,
): Promise<Serving> {
  const readiness = new Readiness();
  const liveness = new Liveness();
  const webFiles = control.web === undefined ? undefined : builtWebFiles(opening.log);
  const calls = callsOf(opening, { control, watching, readiness, liveness, generation, webFiles });
  const loops = startLoops(opening, control, liveness);
  for (const loop of joined.start(readiness, loops.signal)) loops.add(loop);
  const listener = await openPort(opening, { tenants: calls.tenants, streams: calls.streams, readiness });
  joined.setAddress(shownAddress(listener.url));
  loops.add(certificate.follow(listener, loops.signal));
  leaveInOrder(opening, { control, readiness, listener });
  await openMetrics(opening, { control, watching, readiness });
  readiness.set(true);
  const startAgent = async () => {
    if (serverAgent.kind === "none") return;
    // Only now: files of the settings may be descriptors.
    closeInherited();
    const { runServerAgent } = await import("./server-agent.ts");
    opening.owned.use(runServerAgent(opening, calls.inProcess(loops.signal)));
  };
  return { listener, certificate, startAgent };
}

/** Where others find this process: an address of this machine alone tells them nothing but its port. */
function shownAddress(url: string): string {
  const { hostname: host, port } = new URL(url);
  const isLocal = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]"].includes(host);
  return `${isLocal ? hostname() : host}:${port}`;
}

async function openMetrics({ settings: { metricsListen }, owned }: Opening, parts: MetricsParts): Promise<void> {
  if (metricsListen === null) return;
  try {
    owned.use(await openMetricsPort(metricsListen, parts));
  } catch (error) {
    throw new StartError(1, `--metrics-listen: ${messageOf(error)}`);
  }
}

/** At the end nobody is sent here any more, agents are told to come back, and calls get their time. */
function leaveInOrder(
  { deadline, owned }: Opening,
  { control, readiness, listener }: { control: Control; readiness: Readiness; listener: Listener },
): void {
  owned.defer(async () => {
    readiness.set(false);
    for (const connected of control.presence.all()) connected.close("draining", "the server stops");
    await listener.close(deadline.callsMs);
  });
}
