import type { Store } from "../../store/ports/store.ts";
import type { CommandCall } from "../command.ts";

/** What the checks look at. */
export interface DoctorContext {
  readonly call: CommandCall;
  readonly dataDir: string;
  /** True if a server holds the data directory now. */
  readonly isRunning: boolean;
  /** The rows; undefined if there is no database yet, it cannot be opened, or its schema is not this program's. */
  readonly store: Store | undefined;
}
