import { lockDatabase } from "../store/engine/postgres-lock.ts";
import type { CommandCall } from "./command.ts";
import { demandDataDir, lockDataDir } from "./data-dir.ts";
import { dataDirOf, directOf } from "./settings.ts";
import { StartError } from "./start-error.ts";

/** Takes what a server would take, so that none runs meanwhile: the data directory, and the database if it is PostgreSQL. */
export async function takeData({
  settings,
  environment,
  log,
}: Pick<CommandCall, "settings" | "environment" | "log">): Promise<AsyncDisposable> {
  const dataDir = dataDirOf(settings, environment);
  demandDataDir(dataDir);
  await using held = new AsyncDisposableStack();
  held.use(await lockDataDir(dataDir));
  const database = directOf(settings);
  if (database !== undefined) {
    const onStolen = (err: Error) => log.error({ err }, "another windlassd has taken the database meanwhile");
    const outcome = await lockDatabase({ ...database, hold: { kind: "alone" }, log, onStolen });
    if (outcome.kind === "held") throw new StartError(5, outcome.message);
    held.use(outcome.lock);
  }
  return held.move();
}
