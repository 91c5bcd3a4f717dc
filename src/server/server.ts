import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { hostname } from "node:os";
import { engineHere } from "../agent/program/check-engine.ts";
import { providerProblems } from "../agent/work/providers/check-providers.ts";
import type { Control } from "../control/core/control.ts";
import { HelloGate } from "../control/core/hello-gate.ts";
import { Presence } from "../control/core/presence.ts";
import { Documents } from "../control/documents/documents.ts";
import { dispatchUntil } from "../control/jobs/dispatcher.ts";
import { graceAfterStart, sweepUntil } from "../control/runs/sweeper.ts";
import { flushUntil, Liveness } from "../control/sessions/liveness.ts";
import { collectUntil } from "../control/upkeep/gc-loop.ts";
import { rememberPlace, servedPlace } from "../control/upkeep/served-place.ts";
import { CallRates } from "../http/call-rates.ts";
import { KeyedTurns } from "../lib/async/keyed-turns.ts";
import { WakeUps } from "../lib/async/wake-ups.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import { closeInherited } from "../lib/fs/inherited-descriptors.ts";
import type { Log } from "../lib/program/log.ts";
import { openStatusPort } from "../lib/program/status-port.ts";
import { version } from "../lib/program/version.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { hashToken, mintToken } from "../lib/words/tokens.ts";
import { readRules } from "../rpc/calls/validation.ts";
import { inProcessTransport } from "../rpc/in-process.ts";
import { gateFor, interceptorsFor } from "../rpc/interceptors.ts";
import { Readiness } from "../rpc/services/health.ts";
import { lockDatabase } from "../store/engine/postgres-lock.ts";
import { openBlobStore, openLogStore, openStore } from "../store/open.ts";
import { ensureDataDir, enterMaintenance, lockDataDir, refuseUnfinishedRestore, storeUrls } from "./data-dir.ts";
import { firstStart } from "./first-start.ts";
import { createHiding } from "./hide-secrets.ts";
import { meteredLogs, meteredStore } from "./observability/metered-stores.ts";
import { type Observability, openObservability } from "./observability/observe.ts";
import { stateMetrics } from "./observability/state-metrics.ts";
import { storageMetrics } from "./observability/storage-metrics.ts";
import { openPort, tryPort } from "./port.ts";
import { requestSchemas, routesOf } from "./routes.ts";
import { serverAgentConfig } from "./server-agent-config.ts";
import { chooseServerAgent, keyFilesOf, warnOfAdminKey, warnOfServerAgent } from "./server-agent-sandbox.ts";
import { dataDirOf, limitsOf, type ServerSettings, timingOf } from "./settings.ts";
import { ShownCertificate } from "./shown-certificate.ts";
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
  await refuseBadProviders(settings, { dataDir, environment });
  const database =
    settings.databaseUrl === undefined ? undefined : await takeDatabase(settings.databaseUrl, log, onFatal);
  if (database !== undefined) opening.use(database.lock);

  const serverAgent = await chooseServerAgent(settings, environment);
  const watching = opening.use(await openObservability(environment));
  const certificate = await ShownCertificate.read({ settings, log, clock });
  const control = await openControl(opening, {
    certificate: () => certificate.facts,
    ...{ settings, dataDir, log, clock, random, onFatal },
    watching,
    noServerAgent: serverAgent.kind === "none" ? serverAgent.cure : undefined,
  });
  await refuseCopies(control, { settings, dataDir, identity: database?.identity });
  const keys = keyFilesOf(settings, dataDir);
  const adminTokenFile = keys.adminKey;
  const defaultEngine = () => engineHere({ enginePaths: settings.enginePaths, searchPath: environment.PATH ?? "" });
  const first = await firstStart(control, { organization: settings.organization, adminTokenFile, defaultEngine });
  await graceAfterStart(control);
  if (first.adminTokenFile !== undefined)
    log.info(
      { file: first.adminTokenFile },
      "made an admin API key: log in with `windlass login --token-stdin` and this file",
    );
  warnOfAdminKey(log, dataDir, keys);
  warnOfServerAgent(log, serverAgent, keys);

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
    readRules(requestSchemas, stopping.signal),
    dispatchUntil(control, stopping.signal),
    flushUntil(control, liveness, stopping.signal),
    sweepUntil(control, stopping.signal),
    collectUntil(control, { enter: () => enterMaintenance(dataDir) }, stopping.signal),
  ];
  opening.defer(async () => {
    stopping.abort();
    await Promise.allSettled(loops);
  });
  const listener = await openPort({ settings, log, routes, interceptors, readiness, gate: gateFor(control, callers) });
  loops.push(certificate.follow(listener, stopping.signal));
  let isServing = true;
  opening.defer(async () => {
    if (!isServing) return;
    isServing = false;
    readiness.set(false);
    for (const seat of control.presence.all()) seat.close("draining", "the server stops");
    await listener.close(settings.shutdownTimeout);
  });
  if (serverAgent.kind !== "none") {
    // Only now: files of the settings may be descriptors.
    closeInherited();
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
    rereadTls: () => certificate.reread(listener),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The files that the server's own agent is told of are looked at before anything is opened. */
async function refuseBadProviders(
  settings: ServerSettings,
  where: { readonly dataDir: string; readonly environment: Environment },
): Promise<void> {
  if (settings.serverAgentConcurrency === 0) return;
  const problems = await providerProblems(serverAgentConfig(settings, where));
  if (problems.length > 0) throw new StartError(2, problems.join("\nwindlassd: "));
}

async function takeDatabase(url: string, log: Log, onFatal: ServerOptions["onFatal"]) {
  const outcome = await lockDatabase({ url, log, onStolen: (error) => onFatal?.(error) });
  if (outcome.kind === "held") throw new StartError(5, outcome.message);
  return outcome;
}

interface Served {
  readonly settings: ServerSettings;
  readonly dataDir: string;
  /** Of a PostgreSQL database. */
  readonly identity: string | undefined;
}

/**
 * What was granted before must not be granted again: a database that was made from a dump is not served as if it were the one that
 * the dump was made of. A copied data directory is told of, since it is moved by copying, too.
 */
async function refuseCopies({ store, log }: Control, { settings, dataDir, identity }: Served): Promise<void> {
  const place = identity ?? String((await stat(dataDir, { bigint: true })).ino);
  const served = await servedPlace({ store, place });
  if (served === "here") return;
  if (served === "elsewhere" && !settings.movedDatabase) {
    if (identity !== undefined)
      throw new StartError(
        5,
        "this database was made from another one that windlassd served: run windlassd restore FILE first, which sees to it that nothing is applied twice. If the database was moved while no windlassd served it, start once with --moved-database",
      );
    log.warn(
      { dataDir },
      "this data directory is not the one that was served last: it was moved, or is a copy. Make sure that no windlassd serves the other one, and restore from a backup (windlassd restore) rather than from a copy of a directory that was in use",
    );
  }
  await rememberPlace({ store, place });
}

interface ControlParts {
  readonly settings: ServerSettings;
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFatal: ServerOptions["onFatal"];
  readonly watching: Observability;
  readonly noServerAgent: string | undefined;
  readonly certificate: Control["certificate"];
}

async function openControl(
  opening: AsyncDisposableStack,
  { settings, dataDir, log, clock, random, onFatal, watching, noServerAgent, certificate }: ControlParts,
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
    presence: new Presence(clock.monotonicMs()),
    documents: opening.use(new Documents(clock)),
    helloGate: new HelloGate(),
    registrationTurns: new KeyedTurns(),
    limits: limitsOf(settings),
    timing: timingOf(settings),
    retention: retentionOf(settings),
    observer: watching.observer(() => control),
    noServerAgent,
    certificate,
    hiding: createHiding(clock),
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
  const storage = opening.use(storageMetrics(registry, control));
  const sources = {
    metrics: async () => {
      await refresh();
      await storage.refresh();
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
