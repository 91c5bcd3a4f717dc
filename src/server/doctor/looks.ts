import type { Check } from "../../lib/checks.ts";
import type { DoctorContext } from "./context.ts";
import { checkAgents, checkClock, checkListen, checkMasterKey, checkTls } from "./server-checks.ts";
import { checkBlobs, checkDatabase, checkDataDir, checkDisk, checkIntegrity } from "./storage-checks.ts";

type Look = (context: DoctorContext) => Promise<Check>;

/** Every check, in the order in which a start would need it, with what to do if it cannot be made. */
export const looks: readonly (readonly [id: string, fix: string, look: Look])[] = [
  ["data-dir", "check the directory and its owner", checkDataDir],
  ["disk", "check the disk", checkDisk],
  ["database", "check --database-url, and that the database runs", checkDatabase],
  ["integrity", "restore the newest backup: windlassd restore FILE --force", checkIntegrity],
  ["blobs", "check the disk and the owner of the data directory", checkBlobs],
  ["master-key", "put the right key back", checkMasterKey],
  ["listen", "choose another --listen", checkListen],
  ["tls", "check --tls-cert-file and --tls-key-file", checkTls],
  ["agents", "", checkAgents],
  ["clock", "", checkClock],
];
