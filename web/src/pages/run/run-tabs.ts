import { useState } from "react";
import { type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { hasEnded } from "../../words/run-states.ts";

export const runTabs = ["changes", "plan-log", "apply-log", "timeline"] as const;
export type RunTab = (typeof runTabs)[number];

/** What is most worth seeing of a run in its state. */
function bestTab({ state, apply, plannedChanges }: Run): RunTab {
  if (state === RunState.CONFIRMED || state === RunState.APPLYING || state === RunState.APPLY_QUEUED)
    return "apply-log";
  if (state === RunState.ERRORED || state === RunState.CANCELED || state === RunState.FORCE_CANCELED)
    return apply === undefined ? "plan-log" : "apply-log";
  return plannedChanges === undefined ? "plan-log" : "changes";
}

/** True while a job has written nothing: there is nothing to read in its log. */
export const hasNoLog = (run: Run, job: Run["plan"]): boolean =>
  job === undefined || (job.startTime === undefined && job.logBytes === 0n && !hasEnded(run));

/** True if nothing of a tab can be read yet: nobody is torn away from it. */
function isBlank(run: Run, tab: RunTab): boolean {
  if (tab === "changes") return run.plannedChanges === undefined;
  return tab === "timeline" ? false : hasNoLog(run, tab === "plan-log" ? run.plan : run.apply);
}

interface ShownTab {
  readonly shown: RunTab;
  /** What has become most worth seeing since somebody came to this tab; undefined if nothing has, or it is shown. */
  readonly ahead: RunTab | undefined;
}

/**
 * The tab that the address names. Without one that which is most worth seeing as somebody comes: it stays while there is something to read
 * in it, since whoever reads is not to be torn away when the run goes on.
 */
export function useShownTab(run: Run, named: string | undefined): ShownTab {
  const best = bestTab(run);
  const [seen, setSeen] = useState({ tab: best, best });
  const shown = runTabs.find((one) => one === named) ?? (isBlank(run, seen.tab) ? best : seen.tab);
  const knows = shown !== seen.tab || shown === best;
  if (knows && (seen.tab !== shown || seen.best !== best)) setSeen({ tab: shown, best });
  return { shown, ahead: knows || best === seen.best ? undefined : best };
}

/** What has happened, and what its tab is for. */
export function aheadText(run: Run, tab: RunTab): string {
  if (tab === "changes")
    return run.state === RunState.APPLIED ? "It is applied: see what it changed" : "See what it changes";
  const log = tab === "plan-log" ? "plan" : "apply";
  return hasEnded(run) ? `The ${log} is over: read its log` : `The ${log} has begun: follow its log`;
}
