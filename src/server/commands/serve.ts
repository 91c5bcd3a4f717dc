import { SpareLogThread } from "../../store/logs/thread-client.ts";
import type { CommandCall, ServerCommand } from "../command.ts";

/** Runs the control plane until it is told to stop. */
export const serveCommand: ServerCommand = {
  name: "serve",
  usage: "[flags]",
  summary: "run the control plane: the default",
  about: "The control plane of Windlass: API, scheduler, storage, and an agent for workspaces in remote mode.",
  examples: [
    "windlassd                                                   SQLite, everything in the user's data directory",
    "windlassd --data-dir /var/lib/windlass --listen 127.0.0.1:7070",
    "windlassd --listen 0.0.0.0:7070 --tls-cert-file tls.crt --tls-key-file tls.key",
    "windlassd --database-url postgres://windlass@db/windlass",
  ],
  flags: [],
  words: { min: 0, max: 0 },
  heeds: "all",
  async run(call) {
    const exitCode = await serve(call);
    // The last line: a log without it is of a process that did not end by itself.
    call.log.info({ exitCode }, "stopped");
    return exitCode;
  },
};

async function serve({ settings, environment, log }: CommandCall): Promise<number> {
  await using spareLogThread = settings.databaseUrl === undefined ? new SpareLogThread() : undefined;
  // Only here: the other commands need not wait for all that serves.
  const { openServer } = await import("../server.ts");
  const { collectStartGarbage } = await import("../../lib/program/start-garbage.ts");
  const stop = Promise.withResolvers<number>();
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal }, "stopping");
    stop.resolve(0);
    stopping.abort();
  };
  const onFatal = (error: Error) => {
    log.error({ err: error }, "the database can no longer be trusted: stopping");
    stop.resolve(1);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const opening = openServer({ settings, environment, log, onFatal, spareLogThread, stopping: stopping.signal });
    await using server = await opening.catch((err: unknown) => {
      if (!stopping.signal.aborted) throw err;
      log.warn({ err }, "stopped before it was ready");
      return undefined;
    });
    if (server === undefined) return await stop.promise;
    void collectStartGarbage(stopping.signal);
    // Without TLS there is nothing to read again: then a hang-up means what it always does.
    const onHangUp = () => void server.rereadTls();
    if (settings.tlsCertFile !== undefined) process.on("SIGHUP", onHangUp);
    try {
      return await stop.promise;
    } finally {
      process.off("SIGHUP", onHangUp);
    }
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}
