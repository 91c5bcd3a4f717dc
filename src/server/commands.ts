import type { ServerCommand } from "./command.ts";
import { adminTokenCommand } from "./commands/admin-token.ts";
import { backupCommand } from "./commands/backup.ts";
import { configCommand } from "./commands/config.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { gcCommand } from "./commands/gc.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { restoreCommand } from "./commands/restore.ts";
import { rotateKeyCommand } from "./commands/rotate-key.ts";
import { serveCommand } from "./commands/serve.ts";

export { serveCommand } from "./commands/serve.ts";

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
