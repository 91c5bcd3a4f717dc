import { isJsonObject, type Json } from "../../lib/json/json.ts";
import type { MaskedJson } from "./mask.ts";

/** What happens to an object, in terraform's words; a replacement tells its order. */
export type PlanAction =
  | "no-op"
  | "create"
  | "read"
  | "update"
  | "delete"
  | "delete-then-create"
  | "create-then-delete"
  | "forget"
  | "forget-then-create"
  | "create-then-forget"
  | "other";

export interface PlannedChange {
  readonly action: PlanAction;
  readonly before: MaskedJson;
  readonly after: MaskedJson;
  /** Mirrors the shape of `after`, with true where a value is known only after the apply. */
  readonly afterUnknown: Json;
}

/** By HashiCorp's convention; only a provider's schema, which a plan lacks, says it for sure. */
const writeOnlyName = /_wo$/;
const writeOnly = { masked: true, changed: true, writeOnly: true } as const;

/**
 * The change with its write-only values: they are null in every plan, and what is written stays hidden. Terraform shows
 * them where an object is created, OpenTofu beside every change.
 */
export function withWriteOnly(change: PlannedChange, { isTofu }: { readonly isTofu: boolean }): PlannedChange {
  const { action, after, afterUnknown } = change;
  if (!isShown(after) || !(action === "create" || (isTofu && changing.has(action)))) return change;
  const isUnknown = (name: string): boolean => isJsonObject(afterUnknown) && afterUnknown.get(name) === true;
  const shown = new Map<string, MaskedJson>(after);
  for (const [name, value] of after) {
    if (writeOnlyName.test(name) && value === null && !isUnknown(name)) shown.set(name, writeOnly);
  }
  return { ...change, after: shown };
}

const changing: ReadonlySet<string> = new Set([
  ...["update", "delete-then-create", "create-then-delete"],
  ...["forget-then-create", "create-then-forget"],
]);

const isShown = (value: MaskedJson): value is ReadonlyMap<string, MaskedJson> => value instanceof Map;
