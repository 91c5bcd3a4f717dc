import { useState } from "react";
import { useLocation } from "wouter";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { ConfirmDialog } from "../../ui/confirm-dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { useNow } from "../../ui/now.ts";
import { actionWording } from "./action-wording.tsx";
import { ResolveDialog } from "./resolve-dialog.tsx";
import { meanwhileReason, type RunAction } from "./run-actions.ts";
import { useRunCalls } from "./run-calls.ts";

interface ActionDialogProps<Action extends RunAction> {
  readonly run: Run;
  readonly action: Action;
  readonly onClose: () => void;
}

/** Asks before something is done with a run, with a comment. */
export function ActionDialog({ run, action, onClose }: ActionDialogProps<RunAction>) {
  if (action === "resolve") return <ResolveDialog run={run} onClose={onClose} />;
  return <CommentedAction run={run} action={action} onClose={onClose} />;
}

type CommentedActionName = Exclude<RunAction, "resolve">;

function CommentedAction({ run, action, onClose }: ActionDialogProps<CommentedActionName>) {
  const orgFlag = useOrgFlag();
  const perform = usePerform(run, action);
  const [comment, setComment] = useState("");
  // The plan that is read is the one that was shown when the dialog opened.
  const [readPlan] = useState(run.planSha256);
  const { title, text, action: label, tone } = actionWording[action];
  const destroys = action === "confirm" && (run.plannedChanges?.destroy ?? 0) > 0;
  const meanwhile = meanwhileReason(run, action, useNow());
  const isNewer = action === "confirm" && run.planSha256 !== readPlan;
  const isRetry = action === "retry";
  return (
    <ConfirmDialog
      title={title}
      action={label}
      tone={destroys ? "danger" : (tone ?? "primary")}
      typed={wantsName(run, action) ? { what: "workspace", name: run.workspace } : undefined}
      refusal={
        meanwhile ?? (isNewer ? "There is a newer plan than the one above: close this, and read that one." : undefined)
      }
      cli={`windlass run ${verbs[action]} ${shellWord(run.id)}${commentFlag(action, comment)}${orgFlag}`}
      onConfirm={() => perform(readPlan, comment)}
      onClose={onClose}
      testId={`dialog-${action}`}
    >
      <div className="text-sm">{text(run)}</div>
      <Field
        label={isRetry ? "Message" : "Comment"}
        rows={2}
        value={comment}
        onChange={setComment}
        hint={isRetry ? "Empty repeats the message of this run." : "For those who read the run later."}
        testId="action-comment"
      />
    </ConfirmDialog>
  );
}

const verbs: Readonly<Record<CommentedActionName, string>> = {
  confirm: "confirm",
  discard: "discard",
  cancel: "cancel",
  "force-cancel": "cancel --force",
  "force-execute": "force-execute",
  retry: "retry",
};

/** What cannot be taken back wants the workspace's name typed. */
const wantsName = ({ options }: Run, action: CommentedActionName): boolean =>
  action === "force-cancel" || (action === "confirm" && options?.destroy === true);

function usePerform({ id }: Run, action: CommentedActionName) {
  const calls = useRunCalls();
  const path = usePath();
  const [, navigate] = useLocation();
  const retry = async (message: string) => {
    const { run } = await calls.retry(id, message);
    if (run !== undefined) navigate(path("runs", run.id));
  };
  /** Whoever confirms wants to see it happen. */
  const confirm = async (planSha256: string, comment: string) => {
    await calls.confirm(id, planSha256, comment);
    navigate(path("runs", id, "apply-log"));
  };
  return (planSha256: string, comment: string): Promise<unknown> => {
    switch (action) {
      case "confirm":
        return confirm(planSha256, comment);
      case "discard":
        return calls.discard(id, comment);
      case "cancel":
      case "force-cancel":
        return calls.cancel(id, action === "force-cancel", comment);
      case "force-execute":
        return calls.forceExecute(id, comment);
      case "retry":
        return retry(comment);
    }
  };
}

function commentFlag(action: RunAction, comment: string): string {
  if (comment === "") return "";
  return action === "retry" ? ` -m ${shellWord(comment)}` : ` --comment ${shellWord(comment)}`;
}
