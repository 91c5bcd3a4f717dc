import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { counted } from "../../lib/text/counted.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";

/** Refuses one more run of a workspace that has as many as it may that have not ended. */
export async function demandRunRoom({ limits }: Control, tx: Queries, { id, name }: Workspace): Promise<void> {
  const limit = limits.maxQueuedRuns;
  if (limit === 0 || (await tx.runs.countActive(id)) < limit) return;
  const message = `workspace ${name} has ${counted(limit, "run")} not ended, as many as it may: wait for their end, or cancel some`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(limit) } });
}
