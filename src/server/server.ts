import { existsSync } from "node:fs";
import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Control } from "../control/control.ts";
import { dispatchUntil } from "../control/dispatcher.ts";
import { HelloGate } from "../control/hello-gate.ts";
import { flushUntil, Liveness } from "../control/liveness.ts";
import { Presence } from "../control/presence.ts";
import { graceAfterStart, sweepUntil } from "../control/sweeper.ts";
import { createVault } from "../control/vault.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { lockDirectory } from "../lib/dir-lock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/log.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { hashToken, mintToken } from "../lib/tokens.ts";
import { version } from "../lib/version.ts";
import { WakeUps } from "../lib/wake-ups.ts";
import { Readiness } from "../rpc/health.ts";
import { inProcessTransport } from "../rpc/in-process.ts";
import { gateFor, interceptorsFor } from "../rpc/interceptors.ts";
import { type Listener, listen } from "../rpc/listener.ts";

import { openBlobStore, openLogStore, openStore } from "../store/open.ts";
import { firstStart } from "./first-start.ts";
import { routesOf } from "./routes.ts";
import { masterKeyOf } from "./secrets.ts";
import { dataDirOf, limitsOf, type ServerSettings, timingOf } from "./settings.ts";
import { StartError } from "./start-error.ts";

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
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new StartError(
      2,
      `the data directory ${dataDir} cannot be made: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  await chmod(dataDir, 0o700);
  const locked = await lockDirectory(dataDir);
  if (locked.kind === "held") throw new StartError(5, locked.message);
  opening.use(locked.lock);

  const master = await masterKeyOf(dataDir, settings.masterKey, random);
  const control = await openControl(opening, { settings, dataDir, log, clock, random, masterKey: master.key, onFatal });
  const adminTokenFile = settings.adminTokenFile ?? join(dataDir, "admin-token");
  const first = await firstStart(control, { organization: settings.organization, adminTokenFile });
  await graceAfterStart(control);
  if (master.madeFile !== undefined)
    log.warn(
      { file: master.madeFile },
      "made a master key: back it up, states and sensitive variables cannot be read without it",
    );
  if (first.adminTokenFile !== undefined)
    log.info(
      { file: first.adminTokenFile },
      "made an admin API key: log in with `windlass login --token-stdin` and this file",
    );
  log.info({ database: control.store.engine }, "one windlassd may use this database: do not start a second one on it");

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
  const callers = { serverAgentTokenHash: hashToken(serverAgentToken) };
  const interceptors = interceptorsFor(control, callers);
  const stopping = new AbortController();
  const inProcess = inProcessTransport({ routes, interceptors, shutdownSignal: stopping.signal });

  const loops = [
    dispatchUntil(control, stopping.signal),
    flushUntil(control, liveness, stopping.signal),
    sweepUntil(control, stopping.signal),
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
  readiness.set(true);
  // Named at every start: the first one may have failed after it made the key.
  const hasAdminToken = existsSync(adminTokenFile) ? { adminTokenFile } : {};
  log.info({ url: listener.url, dataDir, version, ...hasAdminToken }, "windlassd is ready");
  const owned = opening.move();
  return { url: listener.url, dataDir, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface ControlParts {
  readonly settings: ServerSettings;
  readonly dataDir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly masterKey: Uint8Array;
  readonly onFatal: ServerOptions["onFatal"];
}

async function openControl(
  opening: AsyncDisposableStack,
  { settings, dataDir, log, clock, random, masterKey, onFatal }: ControlParts,
): Promise<Control> {
  const { databaseUrl } = settings;
  const urls = {
    store: databaseUrl ?? `sqlite:${join(dataDir, "windlass.db")}`,
    logs: databaseUrl ?? `sqlite:${join(dataDir, "logs.db")}`,
    blobs: databaseUrl ?? `files:${join(dataDir, "blobs")}`,
  };
  const store = opening.use(await openStore({ url: urls.store, log, ...(onFatal === undefined ? {} : { onFatal }) }));
  const logs = opening.use(await openLogStore({ url: urls.logs, log }));
  const blobs = opening.use(await openBlobStore({ url: urls.blobs, log }));
  const vault = createVault(masterKey, random);
  const wake = new WakeUps(clock);
  return {
    version,
    store,
    logs,
    blobs,
    vault,
    clock,
    random,
    wake,
    presence: new Presence(),
    helloGate: new HelloGate(),
    limits: limitsOf(settings),
    timing: timingOf(settings),
    log,
  };
}

type PortParts = Pick<Parameters<typeof listen>[0], "log" | "routes" | "interceptors" | "gate" | "readiness"> & {
  readonly settings: ServerSettings;
};

async function openPort({ settings, ...rest }: PortParts): Promise<Listener> {
  const { listen: address, tlsCertFile: certFile, tlsKeyFile: keyFile, allowPlaintext } = settings;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new StartError(2, "TLS needs both --tls-cert-file and --tls-key-file");
  const tls =
    certFile === undefined || keyFile === undefined
      ? {}
      : { tls: { cert: await readPem(certFile), key: await readPem(keyFile) } };
  const outcome = await listen({ ...rest, ...address, ...tls, allowPlaintext });
  switch (outcome.kind) {
    case "listening":
      return outcome.listener;
    case "plaintext-refused":
      return refuse(2, outcome.message);
    case "address-in-use":
    case "address-unavailable":
      return refuse(1, outcome.message);
  }
}

const readPem = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((error: NodeJS.ErrnoException) =>
    refuse(2, `the TLS file ${path} cannot be read: ${error.message}`),
  );

function refuse(exitCode: 1 | 2, message: string): never {
  throw new StartError(exitCode, message);
}
