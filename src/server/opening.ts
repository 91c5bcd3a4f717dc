import { stat } from "node:fs/promises";
import { providerProblems } from "../agent/work/providers/check-providers.ts";
import type { Control } from "../control/core/control.ts";
import { skewText } from "../control/replicas/membership.ts";
import { rememberPlace, servedPlace } from "../control/upkeep/served-place.ts";
import { StopDeadline } from "../lib/async/stop-deadline.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/program/log.ts";
import { type Random, systemRandom } from "../lib/random.ts";
import { type DatabaseFacts, type HeldDatabase, lockDatabase } from "../store/engine/postgres-lock.ts";
import type { SpareLogThread } from "../store/logs/thread-client.ts";
import { ensureDataDir, lockDataDir, refuseUnfinishedRestore } from "./data-dir.ts";
import { tryPort } from "./port.ts";
import { serverAgentConfig } from "./server-agent-config.ts";
import { dataDirOf, directOf, type ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly environment: Environment;
  readonly log: Log;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Called once if the database can no longer be trusted: the program should end. */
  readonly onFatal?: ((error: Error) => void) | undefined;
  /** Of the embedded log store, started before; who made it disposes it. */
  readonly spareLogThread?: SpareLogThread | undefined;
  /** Aborted when the program is to end, also if the server is not open by then. */
  readonly stopping?: AbortSignal | undefined;
}

/** What every step of opening a server works with. */
export interface Opening extends ServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly dataDir: string;
  /** Id of this process among those that serve the database. */
  readonly replicaId: string;
  /** A PostgreSQL database, as this process has it. */
  readonly database: HeldDatabase | undefined;
  /** What was opened, to be closed in reverse order. */
  readonly owned: AsyncDisposableStack;
  readonly deadline: StopDeadline;
}

/**
 * First step: takes the data directory and the database for this process, and looks whether the rest can follow. Throws a
 * `StartError` that says what to do.
 */
export async function beginOpening(options: ServerOptions, owned: AsyncDisposableStack): Promise<Opening> {
  const { settings, environment, stopping, clock = systemClock, random = systemRandom } = options;
  const deadline = deadlineOf({ settings, clock, stopping }, owned);
  const dataDir = dataDirOf(settings, environment);
  await ensureDataDir(dataDir);
  owned.use(await lockDataDir(dataDir));
  refuseUnfinishedRestore(dataDir);
  await tryPort(settings);
  await refuseBadProviders(settings, { dataDir, environment });
  const replicaId = random.uuid();
  const database = await takeDatabase({ ...options, clock, replicaId, deadline }, owned);
  return { ...options, clock, random, dataDir, replicaId, database, owned, deadline };
}

/** A start that waits for a database has to end when it is told to, as a server has. */
function deadlineOf(
  { settings, clock, stopping }: Pick<Opening, "settings" | "clock" | "stopping">,
  owned: AsyncDisposableStack,
): StopDeadline {
  const deadline = new StopDeadline(clock, settings.shutdownTimeout);
  const onStop = () => deadline.begin();
  if (stopping?.aborted) onStop();
  stopping?.addEventListener("abort", onStop, { once: true });
  owned.defer(() => stopping?.removeEventListener("abort", onStop));
  owned.defer(() => deadline.end());
  return deadline;
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

/** How long the database took to say what time it is, at the most that tells something. */
const answerMs = 2_000;

async function takeDatabase(
  { settings, log, clock, onFatal, replicaId, deadline }: Omit<Opening, "database" | "dataDir" | "owned" | "random">,
  owned: AsyncDisposableStack,
): Promise<HeldDatabase | undefined> {
  const database = directOf(settings);
  if (database === undefined) return undefined;
  const hold = { kind: "shared", replica: replicaId } as const;
  const onStolen = (error: Error) => onFatal?.(error);
  const outcome = await lockDatabase({ ...database, hold, log, clock, onStolen, cutOff: deadline.signal });
  if (outcome.kind === "held") throw new StartError(5, outcome.message);
  owned.use(outcome.lock);
  refuseUnusable(outcome.lock.facts, clock);
  return outcome.lock;
}

function refuseUnusable({ isInRecovery, isReadOnly, now }: DatabaseFacts, clock: Clock): void {
  if (isInRecovery)
    throw new StartError(
      7,
      "the PostgreSQL server is in recovery: it follows another one, or has not come up. Give --database-url of the one that takes writes",
    );
  if (isReadOnly)
    throw new StartError(
      7,
      "the database is read-only, and windlassd has to write: ALTER DATABASE … SET default_transaction_read_only = off (or ALTER ROLE, or postgresql.conf), or name the primary in --database-url",
    );
  const skewMs = clock.now().getTime() - now.getTime();
  const why = skewText(skewMs > 0 ? Math.max(0, skewMs - answerMs) : skewMs);
  if (why !== undefined) throw new StartError(5, why);
}

/**
 * What was granted before must not be granted again: a database that was made from a dump is not served as if it were
 * the one that the dump was made of. A copied data directory is told of, since it is moved by copying, too.
 */
export async function refuseCopies(
  { settings, dataDir, database }: Pick<Opening, "settings" | "dataDir" | "database">,
  { store, log }: Pick<Control, "store" | "log">,
): Promise<void> {
  const place = database?.facts.identity ?? String((await stat(dataDir, { bigint: true })).ino);
  const served = await servedPlace({ store, place });
  if (served === "here") return;
  if (served === "elsewhere" && !settings.movedDatabase) {
    if (database !== undefined)
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
