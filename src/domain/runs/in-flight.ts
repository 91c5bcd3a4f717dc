import { lostWords, mustDecide } from "./lost.ts";
import { addressOnly, inFlightNames, type ResourceInFlight } from "./resource-in-flight.ts";
import type { Run } from "./run.ts";

/** What was in flight when the apply of a run ended. */
export const inFlightOf = ({ resourcesInFlight }: Pick<Run, "resourcesInFlight">): readonly ResourceInFlight[] =>
  resourcesInFlight.map((kept) => (typeof kept === "string" ? addressOnly(kept) : kept));

/** What the last state of the apply says of a resource in flight, and what that means; empty if it was not looked at. */
export function noteOf({ action, inState }: Pick<ResourceInFlight, "action" | "inState">): string {
  switch (inState) {
    case undefined:
      return "";
    case "absent":
      return action === "delete"
        ? "the last state of the apply does not have it any more"
        : "the last state of the apply does not have it: it may exist all the same";
    case "tainted":
      return "the last state of the apply has it as tainted: the next plan replaces it";
    case "present":
      if (action === "delete") return "the last state of the apply still has it: it may be gone";
      if (action === "update")
        return "the last state of the apply has it: how much of the change was made is not known";
      return "the last state of the apply has it as if it were complete, although a provisioner may not have ended: that a plan finds nothing to change does not prove that all is well";
  }
}

type Ended = Pick<
  Run,
  | "id"
  | "status"
  | "endedAt"
  | "options"
  | "hasChanges"
  | "appliedChanges"
  | "resourcesInFlight"
  | "lost"
  | "errorMessage"
>;

/**
 * What the next run of a workspace has to be told: which applies were ended while they changed something. It is told
 * until a later run shows that all is well: one of everything that was applied, or that found nothing to change. What a
 * person decides about a lost apply does not end it: that is about the lock and the state, and an object that is not in
 * the state still exists.
 */
export function warningsFor(ended: readonly Ended[]): readonly string[] {
  const shown = Math.max(0, ...ended.filter(showsAll).map(endOf));
  return ended
    .filter((run) => (run.resourcesInFlight.length > 0 || mustDecide(run.lost)) && endOf(run) > shown)
    .toSorted((a, b) => endOf(b) - endOf(a))
    .slice(0, maxWarnings)
    .map(warning);
}

const maxWarnings = 3;
const endOf = ({ endedAt }: Ended): number => endedAt?.getTime() ?? 0;

/** True for a run after which nothing that was in flight before it can be unknown any more. */
export function showsAll({ status, options, hasChanges }: Ended): boolean {
  const { isDestroy, isRefreshOnly, skipsRefresh, targets, excludes = [] } = options;
  if (isDestroy || isRefreshOnly || targets.length + excludes.length > 0) return false;
  return status === "applied" || (status === "planned_and_finished" && !hasChanges && !skipsRefresh);
}

function warning(run: Ended): string {
  const resources = inFlightOf(run);
  const parts = [...Map.groupBy(resources, ({ action }) => action)].map(
    ([action, some]) => `${inFlightNames(some)} ${clauseOf(action, some.length > 1)}`,
  );
  const how = run.status === "force_canceled" ? "was ended by force" : "broke off";
  const during = parts.length === 0 ? "" : ` while ${parts.join("; ")}${stateText(resources)}`;
  return `the apply of ${run.id} ${how}${during}${lostText(run)}`;
}

/** What a plan makes again unless somebody imports it. */
const lostText = ({ id, lost }: Ended): string =>
  lost === null || !mustDecide(lost)
    ? ""
    : `. After it ${lostWords(lost)}: a plan makes them again unless they are imported (windlass run lost ${id})`;

/** What only the state seems to know better: that what was being created is complete. */
function stateText(resources: readonly ResourceInFlight[]): string {
  const complete = resources.filter(({ action, inState }) => action === "create" && inState === "present");
  if (complete.length === 0) return "";
  const it = complete.length === 1 ? "it" : "them";
  return `. The last state of that apply has ${inFlightNames(complete)} as if nothing were missing, so that a plan may find nothing to change about ${it}`;
}

function clauseOf(action: string, areMany: boolean): string {
  const [was, they] = areMany ? ["were", "they"] : ["was", "it"];
  switch (action) {
    case "create":
      return `${was} being created: ${they} may exist without being in the state`;
    case "delete":
      return `${was} being destroyed: ${they} may be gone and still be in the state`;
    case "update":
      return `${was} being changed: ${they} may differ from the state`;
    default:
      return `${was} being worked on: ${they} may differ from the state`;
  }
}
