import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { shellWord } from "../../ui/cli-line.tsx";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Counts } from "../../words/counts.tsx";
import { ResolveDialog } from "./resolve-dialog.tsx";
import type { RunAction } from "./run-actions.ts";
import { useRunCalls } from "./run-calls.ts";

interface ActionDialogProps {
  readonly run: Run;
  readonly action: RunAction;
  readonly onClose: () => void;
}

interface Wording {
  readonly title: string;
  readonly text: ReactNode;
  readonly action: string;
  readonly tone: "primary" | "danger";
  readonly isTyped?: boolean;
}

function wordingOf(run: Run, action: Exclude<RunAction, "resolve">): Wording {
  const workspace = <strong>{run.workspace}</strong>;
  switch (action) {
    case "confirm":
      return {
        title: "Apply this plan?",
        text: <PlanFacts run={run} />,
        action: "Confirm & apply",
        tone: (run.plannedChanges?.destroy ?? 0) > 0 ? "danger" : "primary",
        isTyped: run.options?.destroy === true,
      };
    case "discard":
      return {
        title: "Discard this plan?",
        text: <p>Nothing of it is applied, and {workspace} goes to the next run.</p>,
        action: "Discard",
        tone: "primary",
      };
    case "cancel":
      return {
        title: "Cancel this run?",
        text: (
          <p>
            Terraform gets one interrupt: it finishes what it has begun in {workspace}, writes its state and stops. A
            run that waits ends at once.
          </p>
        ),
        action: "Cancel run",
        tone: "primary",
      };
    case "force-cancel":
      return {
        title: "End terraform by force?",
        text: (
          <p>
            Its processes end at once. What it was changing in {workspace} may be left half done, and its state may not
            know it: you will have to look.
          </p>
        ),
        action: "End by force",
        tone: "danger",
        isTyped: true,
      };
    case "force-execute":
      return {
        title: "Let this run go first?",
        text: (
          <p>
            The run that has {workspace}, and those that wait before this one, are discarded or canceled. A run that is
            at work is not stopped: cancel that one first.
          </p>
        ),
        action: "Run now",
        tone: "danger",
      };
    case "retry":
      return {
        title: "Start this run again?",
        text: <p>A new run with the same configuration, options, targets and variables.</p>,
        action: "Retry",
        tone: "primary",
      };
  }
}

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

/** Asks before something is done with a run, with a comment. */
export function ActionDialog({ run, action, onClose }: ActionDialogProps) {
  const calls = useRunCalls();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const [, navigate] = useLocation();
  const [comment, setComment] = useState("");
  // The plan that is read is the one that was shown when the dialog opened.
  const [readPlan] = useState(run.planSha256);
  if (action === "resolve") return <ResolveDialog run={run} onClose={onClose} />;
  const { title, text, action: label, tone, isTyped = false } = wordingOf(run, action);
  const perform = async () => {
    switch (action) {
      case "confirm":
        return calls.confirm(run.id, readPlan, comment);
      case "discard":
        return calls.discard(run.id, comment);
      case "cancel":
        return calls.cancel(run.id, false, comment);
      case "force-cancel":
        return calls.cancel(run.id, true, comment);
      case "force-execute":
        return calls.forceExecute(run.id, comment);
      case "retry": {
        const { run: next } = await calls.retry(run.id, comment);
        if (next !== undefined) navigate(path("runs", next.id));
        return next;
      }
    }
  };
  return (
    <ConfirmDialog
      title={title}
      action={label}
      tone={tone}
      typed={isTyped ? { what: "workspace", name: run.workspace } : undefined}
      refusal={
        action === "confirm" && run.planSha256 !== readPlan
          ? "There is a newer plan than the one above: close this, and read that one"
          : undefined
      }
      cli={`windlass run ${action === "force-cancel" ? "cancel --force" : action} ${run.id}${commentFlag(action, comment)}${orgFlag}`}
      onConfirm={perform}
      onClose={onClose}
      testId={`dialog-${action}`}
    >
      {text}
      <Field
        label={action === "retry" ? "Message" : "Comment"}
        rows={2}
        value={comment}
        onChange={setComment}
        hint={action === "retry" ? "Empty repeats the message of this run." : "For those who read the run later."}
        testId="action-comment"
      />
    </ConfirmDialog>
  );
}

function commentFlag(action: RunAction, comment: string): string {
  if (comment === "") return "";
  return action === "retry" ? ` -m ${shellWord(comment)}` : ` --comment ${shellWord(comment)}`;
}
