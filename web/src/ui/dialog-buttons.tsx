import { ActionButton } from "./action-button.tsx";

interface DialogButtonsProps {
  /** What is done: "Delete pool". */
  readonly action: string;
  readonly tone: "primary" | "danger";
  readonly onAction: () => void;
  readonly onClose: () => void;
  readonly disabledReason: string | undefined;
  readonly isBusy: boolean;
  /** Of the button that does it. */
  readonly testId: string;
}

/** The way back, and what the dialog is for. */
export function DialogButtons({ action, onAction, onClose, ...button }: DialogButtonsProps) {
  return (
    <>
      <ActionButton onClick={onClose} testId="dialog-back" tone="quiet">
        Back
      </ActionButton>
      <ActionButton onClick={onAction} {...button}>
        {action}
      </ActionButton>
    </>
  );
}
