import type { ReactNode } from "react";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { Counts } from "../../words/counts.tsx";
import type { RunAction } from "./run-actions.ts";

/** How an action is asked about. */
interface ActionWording {
  readonly title: string;
  readonly action: string;
  /** What it touches. */
  readonly text: (run: Run) => ReactNode;
  readonly tone?: "danger";
}

/** The dialogs of a run's actions; a lost apply has one of its own. */
export const actionWording: Readonly<Record<Exclude<RunAction, "resolve">, ActionWording>> = {
  confirm: { title: "Apply this plan?", action: "Confirm & apply", text: (run) => <PlanFacts run={run} /> },
  discard: {
    title: "Discard this plan?",
    action: "Discard",
    text: ({ workspace }) => `Nothing of it is applied, and ${workspace} goes to the next run.`,
  },
  cancel: {
    title: "Cancel this run?",
    action: "Cancel run",
    text: ({ workspace }) =>
      `Terraform gets one interrupt: it finishes what it has begun in ${workspace}, writes its state and stops. A run that waits ends at once.`,
  },
  "force-cancel": {
    title: "End terraform by force?",
    action: "End by force",
    tone: "danger",
    text: ({ workspace }) =>
      `Its processes end at once. What it was changing in ${workspace} may be left half done, and its state may not know it: you will have to look.`,
  },
  "force-execute": {
    title: "Let this run go first?",
    action: "Run now",
    tone: "danger",
    text: ({ workspace }) =>
      `The run that has ${workspace}, and those that wait before this one, are discarded or canceled. A run that is at work is not stopped: cancel that one first.`,
  },
  retry: {
    title: "Start this run again?",
    action: "Retry",
    text: () => "A new run with the same configuration, options, targets and variables.",
  },
};

function PlanFacts({ run }: { readonly run: Run }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
      <dt className="quiet">Workspace</dt>
      <dd className="break-words font-medium">{run.workspace}</dd>
      <dt className="quiet">Changes</dt>
      <dd>
        <Counts counts={run.plannedChanges} />
      </dd>
      <dt className="quiet">Plan</dt>
      <dd className="break-all font-mono text-xs" data-testid="confirm-hash">
        {run.planSha256}
      </dd>
    </dl>
  );
}
