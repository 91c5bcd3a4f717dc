import type { Retention } from "../../domain/people/retention.ts";
import type { Control } from "../core/control.ts";

/** What a collection works with. */
export type GcControl = Pick<Control, "store" | "logs" | "blobs" | "clock" | "log">;

export interface GcOptions {
  readonly retention: Retention;
  /** Looks and counts, and deletes nothing. */
  readonly isDryRun: boolean;
}

/** How much of one kind went, or would go. */
export interface GcCount {
  readonly kind:
    | "runs"
    | "states"
    | "configurations"
    | "agents"
    | "keys and tokens"
    | "audit records"
    | "request ids"
    | "browser sessions"
    | "unfinished uploads"
    | "logs"
    | "orphaned logs"
    | "orphaned objects";
  readonly count: number;
  /** Null for kinds that only take rows. */
  readonly bytes: number | null;
}

/** What has gone before, or would have: what belongs to it goes too. */
export interface Gone {
  readonly runs: Set<string>;
  readonly states: Set<string>;
  /** States that were announced and never came. */
  readonly announcements: Set<string>;
  readonly configurations: Set<string>;
  readonly agents: Set<string>;
  /** Names of streams. */
  readonly logs: Set<string>;
}
