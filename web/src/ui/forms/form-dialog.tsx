import { type ReactNode, useId } from "react";
import type { Attempt } from "../../data/use-attempt.ts";
import { CliLine } from "../cli-line.tsx";
import { Dialog } from "../dialog.tsx";
import { ErrorNote } from "../error-note.tsx";

interface FormDialogProps {
  readonly title: string;
  /** What is done: "Create pool". */
  readonly action: string;
  readonly attempt: Attempt;
  /** What failed, above the reason: "The pool was not created". */
  readonly failed: string;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly cli?: string | undefined;
  readonly testId: string;
  /** Why it cannot be sent yet. */
  readonly blocked?: string | undefined;
}

/** A dialog with fields: Enter sends it, and what was typed stays when the server refuses it. */
export function FormDialog(props: FormDialogProps) {
  const { title, action, attempt, failed, onSubmit, onClose, children, cli, testId, blocked } = props;
  const formId = useId();
  const hintId = useId();
  const submit = (event: { readonly preventDefault: () => void }) => {
    event.preventDefault();
    if (blocked === undefined && !attempt.isBusy) onSubmit();
  };
  // What concerns a field stands beside it, until somebody mends it.
  const isToldAtFields = (attempt.problem?.violations.length ?? 0) > 0;
  const actions = (
    <>
      {blocked !== undefined && (
        <span id={hintId} className="quiet mr-auto self-center text-xs">
          {blocked}
        </span>
      )}
      <button type="button" className="btn btn-sm btn-ghost" onClick={onClose} data-testid="dialog-back">
        Back
      </button>
      <button
        type="submit"
        form={formId}
        className="btn btn-primary btn-sm aria-disabled:cursor-not-allowed aria-disabled:text-base-content/60! aria-disabled:opacity-100!"
        aria-disabled={attempt.isBusy || blocked !== undefined}
        aria-describedby={blocked === undefined ? undefined : hintId}
        data-testid={`${testId}-submit`}
      >
        {attempt.isBusy && <span aria-hidden="true" className="loading loading-spinner loading-xs" />}
        {action}
      </button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions} testId={testId}>
      <form
        id={formId}
        onSubmit={submit}
        onChange={isToldAtFields ? attempt.clear : undefined}
        className="space-y-4"
        noValidate
      >
        {children}
      </form>
      {attempt.failure !== undefined && !isToldAtFields && <ErrorNote error={attempt.failure.error} what={failed} />}
      {isToldAtFields && (
        <p role="alert" className="text-error text-sm">
          {failed}: see the fields above.
        </p>
      )}
      {cli !== undefined && <CliLine command={cli} />}
    </Dialog>
  );
}
