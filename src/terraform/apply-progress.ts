import type { Diagnostic, TerraformEvent } from "./events.ts";

/** A change that terraform began. */
export interface ResourceAction {
  readonly address: string;
  /** create, update, delete, … */
  readonly action: string;
  /** Terraform's id of the object, where it had one before. */
  readonly id?: string;
}

/** What an apply has done so far. Reads of data sources are not counted. */
export interface ApplyCounts {
  /** Known only of an apply that succeeded: its summary alone tells it. */
  readonly imported: number;
  readonly added: number;
  readonly changed: number;
  readonly destroyed: number;
  readonly errored: number;
}

const maxErrors = 50;

/** Follows the events of an apply: a failed or lost one prints no summary, so what it did is counted here. */
export class ApplyProgress {
  readonly #started = new Map<string, ResourceAction>();
  readonly #errors: Diagnostic[] = [];
  #counts = { imported: 0, added: 0, changed: 0, destroyed: 0, errored: 0 };

  observe(event: TerraformEvent): void {
    if (event.type === "diagnostic") this.#observeDiagnostic(event.diagnostic);
    if (event.type === "change_summary" && event.changes?.operation === "apply") {
      this.#counts.imported = event.changes.import ?? 0;
    }
    const { hook } = event;
    if (typeof hook?.action !== "string" || hook.action === "read") return;
    const key = `${hook.action} ${hook.resource.addr}`;
    if (event.type === "apply_start") {
      const id = hook.id_value === undefined ? {} : { id: hook.id_value };
      this.#started.set(key, { address: hook.resource.addr, action: hook.action, ...id });
    }
    if (event.type === "apply_complete" || event.type === "apply_errored") this.#started.delete(key);
    if (event.type === "apply_errored") this.#counts.errored += 1;
    if (event.type === "apply_complete") this.#count(hook.action);
  }

  /** What was begun and neither completed nor failed: these objects may exist without being in the state. */
  get inFlight(): readonly ResourceAction[] {
    return [...this.#started.values()];
  }

  get counts(): ApplyCounts {
    return { ...this.#counts };
  }

  /** The first error diagnostics; they may hold what the job printed. */
  get errors(): readonly Diagnostic[] {
    return [...this.#errors];
  }

  #observeDiagnostic(diagnostic: Diagnostic | undefined): void {
    if (diagnostic?.severity === "error" && this.#errors.length < maxErrors) this.#errors.push(diagnostic);
  }

  #count(action: string): void {
    if (action === "create") this.#counts.added += 1;
    if (action === "update") this.#counts.changed += 1;
    if (action === "delete") this.#counts.destroyed += 1;
  }
}

/** What the events began and did not end. */
export function resourcesInFlight(events: Iterable<TerraformEvent>): readonly ResourceAction[] {
  const progress = new ApplyProgress();
  for (const event of events) progress.observe(event);
  return progress.inFlight;
}
