import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Control } from "../control/control.ts";
import { dispatchUntil } from "../control/dispatcher.ts";
import { collectUntil } from "../control/gc-loop.ts";
import { HelloGate } from "../control/hello-gate.ts";
import { flushUntil, Liveness } from "../control/liveness.ts";
import { Presence } from "../control/presence.ts";
import { graceAfterStart, sweepUntil } from "../control/sweeper.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/log.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { openStatusPort } from "../lib/status-port.ts";
import { hashToken, mintToken } from "../lib/tokens.ts";
import { version } from "../lib/version.ts";
import { WakeUps } from "../lib/wake-ups.ts";
import { CallRates } from "../rpc/call-rates.ts";
import { Readiness } from "../rpc/health.ts";
import { inProcessTransport } from "../rpc/in-process.ts";
import { gateFor, interceptorsFor } from "../rpc/interceptors.ts";
import type { Listener } from "../rpc/listener.ts";

import { openBlobStore, openLogStore, openStore } from "../store/open.ts";
import { lockDatabase } from "../store/postgres-lock.ts";
import { ensureDataDir, enterMaintenance, lockDataDir, refuseUnfinishedRestore, storeUrls } from "./data-dir.ts";
import { firstStart } from "./first-start.ts";
import { meteredLogs, meteredStore } from "./observability/metered-stores.ts";
import { type Observability, openObservability } from "./observability/observe.ts";
import { stateMetrics } from "./observability/state-metrics.ts";
import { openPort, readTls, tryPort } from "./port.ts";
import { routesOf } from "./routes.ts";
import { dataDirOf, limitsOf, type ServerSettings, timingOf } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { retentionOf } from "./upkeep-settings.ts";
import { openVault } from "./vault-keys.ts";

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly environment: Environment;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called once if the database can no longer be trusted: the program should end. */
  readonly onFatal?: (error: Error) => void;
}

/** A running control plane. Disposing it stops gracefully: agents are sent away, calls end, stores close. */
export interface Server extends AsyncDisposable {
  /** What a client on this machine dials. */
  readonly url: string;
  readonly dataDir: string;
  /** Shows the certificate that is on the disk now to those who connect from now on; a bad one changes nothing. */
  rereadTls(): Promise<void>;
}

/** Opens everything in order, or throws a `StartError` that says what to do and leaves nothing open. */
export async function openServer({
  settings,
  environment,
  log,
  clock = systemClock,
  random = systemRandom,
  onFatal,
}: ServerOptions): Promise<Server> {
  await using opening = new AsyncDisposableStack();
  const dataDir = dataDirOf(settings, environment);
  await ensureDataDir(dataDir);
  opening.use(await lockDataDir(dataDir));
  refuseUnfinishedRestore(dataDir);
  await tryPort(settings);
  if (settings.databaseUrl !== undefined) opening.use(await takeDatabase(settings.databaseUrl, log, onFatal));

  const watching = opening.use(await openObservability(environment));
  const control = await openControl(opening, {
    ...{ settings, dataDir, log, clock, random, onFatal },
    watching,
  });
  const adminTokenFile = settings.adminTokenFile ?? join(dataDir, "admin-token");
  const first = await firstStart(control, { organization: settings.organization, adminTokenFile });
  await graceAfterStart(control);
  if (first.adminTokenFile !== undefined)
    log.info(
      { file: first.adminTokenFile },
      "made an admin API key: log in with `windlass login --token-stdin` and this file",
    );

  const liveness = new Liveness();
  const serverAgentToken = mintToken("agt", random);
  const readiness = new Readiness();
  const routes = routesOf({
    control,
    liveness,
    generation: first.generation,
    readiness,
    hasReflection: !settings.noReflection,
  });
  const callers = { serverAgentTokenHash: hashToken(serverAgentToken), rates: new CallRates(control.limits) };
  const interceptors = interceptorsFor(control, callers, watching.callObservers);
  const stopping = new AbortController();
  const inProcess = inProcessTransport({ routes, interceptors, shutdownSignal: stopping.signal });

  const loops = [
    dispatchUntil(control, stopping.signal),
    flushUntil(control, liveness, stopping.signal),
    sweepUntil(control, stopping.signal),
    collectUntil(
      control,
      { retention: retentionOf(settings), enter: () => enterMaintenance(dataDir) },
      stopping.signal,
    ),
  ];
  opening.defer(async () => {
    stopping.abort();
    await Promise.allSettled(loops);
  });
  const listener = await openPort({ settings, log, routes, interceptors, readiness, gate: gateFor(control, callers) });
  let isServing = true;
  opening.defer(async () => {
    if (!isServing) return;
    isServing = false;
    readiness.set(false);
    for (const seat of control.presence.all()) seat.close("draining", "the server stops");
    await listener.close(settings.shutdownTimeout);
  });
  if (settings.serverAgentConcurrency > 0) {
    const { runServerAgent } = await import("./server-agent.ts");
    opening.use(
      runServerAgent({
        transport: inProcess,
        token: serverAgentToken,
        settings,
        dataDir,
        environment,
        clock,
        random,
        log,
      }),
    );
  }
  await openMetrics(opening, { settings, control, watching, readiness });
  readiness.set(true);
  // Named at every start: the first one may have failed after it made the key.
  const hasAdminToken = existsSync(adminTokenFile) ? { adminTokenFile } : {};
  log.info({ url: listener.url, dataDir, version, ...hasAdminToken }, "windlassd is ready");
  const owned = opening.move();
  return {
    url: listener.url,
    dataDir,
    rereadTls: () => rereadTls(settings, listener, log),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function takeDatabase(url: string, log: Log, onFatal: ServerOptions["onFatal"]): Promise<AsyncDisposable> {
  const outcome = await lockDatabase({ url, log, onStolen: (error) => onFatal?.(error) });
  if (outcome.kind === "held") throw new StartError(5, outcome.message);
  return outcome.lock;
}

async function rereadTls(settings: ServerSettings, listener: Listener, log: Log): Promise<void> {
  try {
    const tls = await readTls(settings);
    if (tls === undefined) return;
    listener.replaceTls(tls);
    log.info({ certificate: settings.tlsCertFile }, "the TLS certificate was read again: new connections get it");
  } catch (error) {
    log.error({ err: error }, "the TLS files cannot be used: the certificate stays as it was");
  }
}

interface ControlParts {
  readonly settings: ServerSettings;
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFatal: ServerOptions["onFatal"];
  readonly watching: Observability;
}

async function openControl(
  opening: AsyncDisposableStack,
  { settings, dataDir, log, clock, random, onFatal, watching }: ControlParts,
): Promise<Control> {
  const urls = storeUrls(settings, dataDir);
  const { migrate } = settings;
  const fatal = onFatal === undefined ? {} : { onFatal };
  const store = opening.use(await openStore({ url: urls.store, log, migrate, ...fatal }));
  const logs = opening.use(await openLogStore({ url: urls.logs, log, migrate }));
  const blobs = opening.use(await openBlobStore({ url: urls.blobs, log, migrate }));
  const vault = await openVault({ settings, dataDir, store, random, log });
  const { metrics } = watching;
  const wake = new WakeUps(clock);
  const control: Control = {
    version,
    name: hostname(),
    store: meteredStore(store, metrics, clock),
    logs: meteredLogs(logs, metrics, clock),
    blobs,
    vault,
    clock,
    random,
    wake,
    presence: new Presence(),
    helloGate: new HelloGate(),
    limits: limitsOf(settings),
    timing: timingOf(settings),
    observer: watching.observer(() => control),
    log,
  };
  return control;
}

interface MetricsParts {
  readonly settings: ServerSettings;
  readonly control: Control;
  readonly watching: Observability;
  readonly readiness: Readiness;
}

async function openMetrics(
  opening: AsyncDisposableStack,
  { settings: { metricsListen }, control, watching, readiness }: MetricsParts,
): Promise<void> {
  if (metricsListen === null) return;
  const { registry } = watching.metrics;
  const refresh = stateMetrics(registry, control);
  const sources = {
    metrics: async () => {
      await refresh();
      return registry.metrics();
    },
    notReady: () => (readiness.isReady ? undefined : "the server starts or stops"),
  };
  const port = await openStatusPort(metricsListen, sources).catch((error: unknown) =>
    refuse(`--metrics-listen: ${error instanceof Error ? error.message : String(error)}`),
  );
  opening.use(port);
  control.log.info({ url: port.url }, "metrics, /healthz and /readyz are served");
}

function refuse(message: string): never {
  throw new StartError(1, message);
}
