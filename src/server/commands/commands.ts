import type { ServerCommand } from "../command.ts";
import { adminTokenCommand } from "./admin-token.ts";
import { backupCommand } from "./backup.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { gcCommand } from "./gc.ts";
import { migrateCommand } from "./migrate.ts";
import { restoreCommand } from "./restore.ts";
import { rotateKeyCommand } from "./rotate-key.ts";
import { serveCommand } from "./serve.ts";

export { serveCommand } from "./serve.ts";

/** Every command, in the order of the help text. */
export const commands: readonly ServerCommand[] = [
  serveCommand,
  doctorCommand,
  migrateCommand,
  backupCommand,
  restoreCommand,
  gcCommand,
  rotateKeyCommand,
  adminTokenCommand,
  configCommand,
];
