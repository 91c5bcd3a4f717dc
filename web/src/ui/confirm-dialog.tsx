import { type ReactNode, useState } from "react";
import { useAttempt } from "./attempt.ts";
import { CliLine } from "./cli-line.tsx";
import { Dialog } from "./dialog.tsx";
import { DialogButtons } from "./dialog-buttons.tsx";
import { ErrorNote } from "./error-note.tsx";
import { Field } from "./field.tsx";

interface ConfirmDialogProps {
  readonly title: string;
  /** What it touches. */
  readonly children: ReactNode;
  /** What is done: "Delete pool". */
  readonly action: string;
  readonly tone?: "primary" | "danger";
  /** A name that has to be typed first, for what cannot be taken back. */
  readonly typed?: { readonly what: string; readonly name: string } | undefined;
  /** Why it cannot be done any more: something has changed since the dialog opened. */
  readonly refusal?: string | undefined;
  readonly cli?: string | undefined;
  /** Closes the dialog when it succeeds; what it throws is shown in the dialog. */
  readonly onConfirm: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly testId: string;
}

/** Asks before something is done. What was typed stays when it fails. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, children, action, tone = "danger", typed, refusal, cli, onConfirm, onClose, testId } = props;
  const [name, setName] = useState("");
  const { isBusy, failure, run } = useAttempt();
  const isTyped = typed === undefined || name === typed.name;
  const actions = (
    <DialogButtons
      action={action}
      tone={tone}
      onAction={() => void run(onConfirm, onClose)}
      onClose={onClose}
      disabledReason={refusal ?? (isTyped ? undefined : `Type ${typed.name} first`)}
      isBusy={isBusy}
      testId={`${testId}-confirm`}
    />
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions} testId={testId}>
      {children}
      {typed !== undefined && (
        <Field
          label={`Type the ${typed.what}'s name, ${typed.name}`}
          value={name}
          onChange={setName}
          testId={`${testId}-name`}
          mono
        />
      )}
      {failure !== undefined && <ErrorNote error={failure.error} what="It was not done" />}
      {/* What this very dialog is doing changes things too. */}
      {refusal !== undefined && !isBusy && (
        <p
          role="status"
          className="break-words rounded-box border border-warning/40 bg-warning/8 px-4 py-2.5 text-sm"
          data-testid={`${testId}-refusal`}
        >
          {refusal}
        </p>
      )}
      {cli !== undefined && <CliLine command={cli} />}
    </Dialog>
  );
}
