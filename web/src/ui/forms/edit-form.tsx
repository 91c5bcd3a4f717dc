import type { ReactNode } from "react";
import type { FormValues } from "../../data/edits.ts";
import type { Edit } from "../../data/use-edit.ts";
import { ActionButton } from "../action-button.tsx";
import { Section } from "../blocks/section.tsx";
import { CliLine } from "../cli-line.tsx";
import { ErrorNote } from "../error-note.tsx";

interface EditFormProps<Values extends FormValues> {
  readonly title: string;
  readonly edit: Edit<Values>;
  readonly onSave: () => void;
  /** Why the caller may not. */
  readonly lack: string | undefined;
  /** "The pool was not changed". */
  readonly failed: string;
  readonly children: ReactNode;
  /** The command that makes the same changes. */
  readonly cli: string;
  readonly testId: string;
}

/** A form of settings: Enter saves, and only what was changed is sent. */
export function EditForm<Values extends FormValues>(props: EditFormProps<Values>) {
  const { title, edit, onSave, lack, failed, children, cli, testId } = props;
  const nothing = edit.changed.length === 0 ? "Nothing has been changed" : undefined;
  const submit = (event: { readonly preventDefault: () => void }) => {
    event.preventDefault();
    if (lack === undefined && nothing === undefined) onSave();
  };
  return (
    <Section title={title} testId={testId}>
      <form onSubmit={submit} noValidate className="panel space-y-4 p-4 sm:p-5">
        {/* Enter in a field sends a form that has a button for it. */}
        <button type="submit" className="hidden" tabIndex={-1} aria-hidden="true" data-testid={`${testId}-enter`} />
        <div className="max-w-xl space-y-4">{children}</div>
        {edit.failure !== undefined && <ErrorNote error={edit.failure.error} what={failed} />}
        <div className="flex flex-wrap items-center gap-3 border-base-300 border-t pt-4">
          <ActionButton
            onClick={onSave}
            isBusy={edit.isBusy}
            testId={`${testId}-save`}
            tone="primary"
            disabledReason={lack ?? nothing}
          >
            Save
          </ActionButton>
          {edit.changed.length > 0 && (
            <ActionButton onClick={edit.reset} testId={`${testId}-reset`} tone="quiet">
              Undo changes
            </ActionButton>
          )}
          <span role="status" className="quiet text-sm">
            {edit.isSaved && "Saved"}
          </span>
        </div>
        {edit.changed.length > 0 && <CliLine command={cli} testId={`${testId}-cli`} />}
      </form>
    </Section>
  );
}
