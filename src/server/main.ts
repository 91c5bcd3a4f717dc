import { helpText, readCommandLine } from "../lib/command-line.ts";
import { readEnvironment } from "../lib/environment.ts";
import { isWindlassError } from "../lib/errors.ts";
import { armFailpoints, failpointVariables } from "../lib/failpoint.ts";
import { createLog, type Log } from "../lib/log.ts";
import { loadSettings } from "../lib/settings.ts";
import { version } from "../lib/version.ts";
import { openServer } from "./server.ts";
import { type ServerSettings, serverSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

const switches = new Set(["allow-plaintext", "no-reflection"]);

const help = {
  usage: "windlassd [flags]",
  about: "The control plane of Windlass: API, scheduler, storage, and an agent for workspaces in remote mode.",
  examples: [
    "windlassd                                                   SQLite, everything in the user's data directory",
    "windlassd --data-dir /var/lib/windlass --listen 127.0.0.1:7070",
    "windlassd --listen 0.0.0.0:7070 --tls-cert-file tls.crt --tls-key-file tls.key",
    "windlassd --database-url postgres://windlass@db/windlass",
  ],
};

/** Runs the control plane until it is told to stop; answers the exit code of the process. */
export async function main(argv: readonly string[]): Promise<number> {
  const line = readCommandLine(serverSettings, argv, switches);
  if (line.kind === "help") return say(process.stdout, helpText(serverSettings, help), 0);
  if (line.kind === "version") return say(process.stdout, `windlassd ${version}\n`, 0);
  const environment = readEnvironment();
  const loaded = loadSettings(serverSettings, {
    flags: line.kind === "flags" ? line.flags : {},
    environment,
    alsoKnown: sisters(environment),
  });
  const problems = [
    ...(line.kind === "invalid" ? line.problems : []),
    ...armFailpoints(environment),
    ...(loaded.kind === "invalid" ? loaded.problems : loaded.unknown),
  ];
  if (problems.length > 0 || loaded.kind === "invalid") {
    return say(
      process.stderr,
      `${problems.map((problem) => `windlassd: ${problem}`).join("\n")}\nSee windlassd --help.\n`,
      2,
    );
  }
  return serve(loaded.values, createLog({ level: loaded.values.logLevel, format: loaded.values.logFormat }));
}

/** Variables of the sister programs are no mistake in a shared environment. */
const sisters = (environment: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(environment).filter(
    (name) =>
      failpointVariables.some((known) => known === name) ||
      /^WINDLASS_(AGENT_(TOKEN|NAME|LABELS|CONCURRENCY|DATA_DIR|ENGINE_PATH|SANDBOX|SANDBOX_PATHS|DISK_RESERVE|MIN_FREE_DISK|WORK_DIR)|TOKEN|ADDRESS|ORG|CONTEXT|CONFIG|OUTPUT|TIMEOUT|NO_INPUT|DEBUG|CA_FILE|SERVER_NAME|INSECURE)(_FILE)?$/.test(
        name,
      ),
  );

async function serve(settings: ServerSettings, log: Log): Promise<number> {
  // Databases hold what terraform prints: nobody else on this machine reads them.
  process.umask(0o077);
  const stop = Promise.withResolvers<number>();
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal }, "stopping");
    stop.resolve(0);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const fatal = (error: Error) => {
      log.error({ err: error }, "the database can no longer be trusted: stopping");
      stop.resolve(1);
    };
    await using _server = await openServer({ settings, environment: readEnvironment(), log, onFatal: fatal });
    return await stop.promise;
  } catch (error) {
    return failed(error);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function failed(error: unknown): number {
  if (error instanceof StartError) return say(process.stderr, `windlassd: ${error.message}\n`, error.exitCode);
  if (isWindlassError(error, "storage_unavailable"))
    return say(process.stderr, `windlassd: ${error.message}\n`, error.metadata.databaseVersion === undefined ? 7 : 5);
  if (isWindlassError(error, "validation")) return say(process.stderr, `windlassd: ${error.message}\n`, 2);
  return say(
    process.stderr,
    `windlassd: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    1,
  );
}

function say(stream: NodeJS.WriteStream, text: string, exitCode: number): number {
  stream.write(text);
  return exitCode;
}
