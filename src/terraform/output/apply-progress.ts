import { FinishedResources } from "../../lib/words/lost-resources.ts";
import type { Diagnostic, TerraformEvent } from "./events.ts";

/** A change that terraform began. */
export interface ResourceAction {
  readonly address: string;
  /** create, update, delete, … */
  readonly action: string;
  /** What identifies the object, where terraform told it: name and value of an attribute. */
  readonly idKey?: string | undefined;
  readonly id?: string | undefined;
}

/** What an apply has done so far. Reads of data sources are not counted. */
export interface ApplyCounts {
  /** Known only of an apply that succeeded: its summary alone tells it. */
  readonly imported: number;
  readonly added: number;
  readonly changed: number;
  readonly destroyed: number;
  /** Known only of an apply that did all that it should, and only OpenTofu tells it. */
  readonly forgotten: number;
  readonly errored: number;
}

/** What terraform and tofu say at it. */
const secondInterrupt = "Two interrupts received";
/** How OpenTofu ends a destroy that did all it should and forgot something. Source: its tofu/context_apply.go. */
const leftBehind = "Destroy was successful but left behind forgotten instances";
const maxErrors = 50;
/** More than terraform ever works on at once; a job can print events of its own. */
const maxStarted = 10_000;
const maxCharacters = 8 * 1024;
const maxName = 64;
const maxInstant = 40;

/** Follows the events of an apply: a failed or lost one prints no summary, so what it did is counted here. */
export class ApplyProgress {
  readonly #started = new Map<string, ResourceAction>();
  readonly #finished = new FinishedResources();
  readonly #errors: Diagnostic[] = [];
  #errorCount = 0;
  /** What the plan forgets, as the apply tells it before it begins. */
  #toForget = 0;
  /**
   * After its second interrupt terraform ends its providers: a change that fails then was cut off, and may have been
   * made.
   */
  #isBrokenOff = false;
  #counts = { imported: 0, added: 0, changed: 0, destroyed: 0, forgotten: 0, errored: 0 };

  observe(event: TerraformEvent): void {
    if (event.type === "log" && event["@message"].includes(secondInterrupt)) this.#isBrokenOff = true;
    if (event.type === "diagnostic") this.#observeDiagnostic(event.diagnostic);
    if (event.type === "change_summary" && event.changes?.operation === "apply") {
      this.#counts.imported = countOf(event.changes.import);
      this.#counts.forgotten = countOf(event.changes.forget);
    }
    if (event.type === "planned_change" && event.change?.action === "remove") this.#toForget += 1;
    const { hook } = event;
    const address = hook?.resource?.addr;
    if (
      typeof address !== "string" ||
      address.length > maxCharacters ||
      typeof hook?.action !== "string" ||
      hook.action === "read"
    )
      return;
    const key = `${hook.action} ${address}`;
    if (event.type === "apply_start" && this.#started.size < maxStarted) {
      const { id_key: idKey, id_value: id } = hook;
      const named =
        typeof id === "string" && id.length <= maxCharacters
          ? { idKey: typeof idKey === "string" ? idKey : "id", id }
          : {};
      this.#started.set(key, { address, action: hook.action, ...named });
    }
    if (event.type === "apply_complete") this.#finish(event, this.#started.get(key));
    if (event.type === "apply_complete" || (event.type === "apply_errored" && !this.#isBrokenOff))
      this.#started.delete(key);
    if (event.type === "apply_errored") this.#counts.errored += 1;
    if (event.type === "apply_complete") this.#count(hook.action);
  }

  /** What was begun and neither completed nor failed: these objects may exist without being in the state. */
  get inFlight(): readonly ResourceAction[] {
    return [...this.#started.values()];
  }

  /** What has been completed, and is to be in the state, or not any more. */
  get finished(): FinishedResources {
    return this.#finished;
  }

  /** An apply that only left something behind has forgotten all that it should. */
  get counts(): ApplyCounts {
    return { ...this.#counts, forgotten: this.hasOnlyLeftBehind ? this.#toForget : this.#counts.forgotten };
  }

  /** True if its only error is that it forgot something, as planned. */
  get hasOnlyLeftBehind(): boolean {
    return this.#errorCount === 1 && this.#errors[0]?.summary === leftBehind;
  }

  /** The first error diagnostics; they may hold what the job printed. */
  get errors(): readonly Diagnostic[] {
    return [...this.#errors];
  }

  /** How many there were. */
  get errorCount(): number {
    return this.#errorCount;
  }

  /** An object that is gone has no id any more: its begin told it. */
  #finish({ hook, "@timestamp": finishedAt = "" }: TerraformEvent, begun: ResourceAction | undefined): void {
    const { resource, action, id_key: idKey, id_value: id } = hook ?? {};
    if (resource === undefined || typeof action !== "string") return;
    const told = typeof id === "string" && id.length <= maxCharacters;
    const named = told ? { idKey: textOr(idKey, "id").slice(0, maxName), id } : action === "delete" ? begun : undefined;
    const { implied_provider: provider } = resource;
    this.#finished.add({
      address: resource.addr,
      action,
      provider: textOr(provider, "").slice(0, maxName),
      idKey: named?.idKey ?? "",
      id: named?.id ?? "",
      finishedAt: textOr(finishedAt, "").slice(0, maxInstant),
    });
  }

  #observeDiagnostic(diagnostic: Diagnostic | undefined): void {
    if (diagnostic?.severity !== "error") return;
    this.#errorCount += 1;
    if (this.#errors.length < maxErrors) this.#errors.push(diagnostic);
  }

  #count(action: string): void {
    if (action === "create") this.#counts.added += 1;
    if (action === "update") this.#counts.changed += 1;
    if (action === "delete") this.#counts.destroyed += 1;
  }
}

const textOr = (value: unknown, other: string): string => (typeof value === "string" ? value : other);

const countOf = (value: unknown): number => (Number.isSafeInteger(value) ? Math.max(0, Number(value)) : 0);

/** What the events began and did not end. */
export function resourcesInFlight(events: Iterable<TerraformEvent>): readonly ResourceAction[] {
  const progress = new ApplyProgress();
  for (const event of events) progress.observe(event);
  return progress.inFlight;
}
