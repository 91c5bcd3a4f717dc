import { isFinal, type Run, statusText } from "../../domain/runs/run.ts";
import { resolveCommand } from "../../domain/runs/waiting.ts";
import type { Workspace, WorkspaceLock } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";

/** A field of the request that breaks a rule; `field` is its path in the request, such as `workspace.agent_pool`. */
export const invalid = (field: string, description: string): WindlassError =>
  new WindlassError("validation", `${field}: ${description}`, { fields: [{ field, description }] });

/** Refuses a text with more characters than are kept. */
export function demandText(field: string, text: string, maxCharacters: number): void {
  const count = [...text].length;
  if (count > maxCharacters) throw invalid(field, `expected at most ${maxCharacters} characters, got ${count}`);
}

/** Refuses an upload by what its header says, before any of it comes. */
export function refuseTooLarge(what: string, announced: bigint, maxBytes: number): void {
  if (announced <= BigInt(maxBytes)) return;
  throw new WindlassError("upload_too_large", `the ${what} has ${announced} bytes: at most ${maxBytes} are accepted`, {
    metadata: { limit_bytes: String(maxBytes) },
  });
}

/** The refusal to touch a workspace that is held: for a run it says what ends its hold, for a person it advises. */
export async function heldError(q: Queries, workspace: Workspace, advice: string): Promise<WindlassError> {
  const { lock } = workspace;
  const run = lock?.kind === "run" ? await q.runs.get(lock.runId) : undefined;
  return run === undefined ? lockedError(workspace, advice) : lockedError(workspace, runAdvice(run), run);
}

/** The refusal that says who holds a workspace, since when and why, and what to do. */
export function lockedError({ name, lock }: Workspace, advice: string, holder?: Pick<Run, "status">): WindlassError {
  const since = lock?.at.toISOString() ?? "";
  const reason = lock?.kind === "person" ? lock.reason : "";
  const because = reason === "" ? "" : ` (${reason})`;
  const message = `workspace "${name}" is locked by ${holderOf(lock)} since ${since}${because}. ${advice}`;
  const run_id = lock?.kind === "run" ? lock.runId : "";
  return new WindlassError("workspace_locked", message, {
    metadata: { workspace: name, locked_by: holderOf(lock), run_id, run_state: holder?.status ?? "", since, reason },
  });
}

export function holderOf(lock: WorkspaceLock | null): string {
  if (lock === null) return "";
  return lock.kind === "run" ? `run ${lock.runId}` : lock.by;
}

/** What ends the lock of a run. */
export function runAdvice({ id, status, errorMessage }: Run): string {
  if (status === "planned") return `The run waits to be confirmed or discarded: windlass run confirm ${id}`;
  if (!isFinal(status)) return `The run is ${statusText(status)} and releases it at its end: windlass run cancel ${id}`;
  const why = errorMessage === "" ? "" : ` (${errorMessage})`;
  return `The run ended as ${statusText(status)}${why}. Look at what it did to the real resources, then decide: ${resolveCommand(id)}`;
}
