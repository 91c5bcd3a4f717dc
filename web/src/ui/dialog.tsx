import { type ReactNode, useEffect, useId, useRef } from "react";
import { CloseIcon } from "./icons.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  /** Buttons at the end. */
  readonly actions?: ReactNode;
  readonly testId: string;
  readonly wide?: boolean;
}

/** A native dialog, open as long as it is mounted. Escape closes it. */
export function Dialog({ title, onClose, children, actions, testId, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    if (dialog?.open !== false) return;
    const before = document.activeElement;
    dialog.showModal();
    // What is to be typed comes first, not the button that closes. Files are chosen with buttons.
    dialog.querySelector<HTMLElement>("input:not([type=file]), textarea, select")?.focus();
    // It is taken away instead of closed, so that focus does not go back by itself.
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      className="m-auto max-h-[90dvh] whitespace-normal text-left text-base w-[calc(100vw-2rem)] rounded-box border border-base-300 bg-base-100 text-base-content shadow-xl backdrop:bg-black/40 data-[wide=false]:max-w-lg data-[wide=true]:max-w-3xl"
      data-wide={wide}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="flex items-center justify-between gap-4 border-base-300 border-b px-5 py-3.5">
        <h2 id={titleId} className="font-semibold">
          {title}
        </h2>
        <button
          type="button"
          className="btn btn-ghost btn-xs btn-square"
          onClick={onClose}
          aria-label="Close"
          data-testid="dialog-close"
        >
          <CloseIcon />
        </button>
      </div>
      <div className="space-y-4 px-5 py-4">{children}</div>
      {actions !== undefined && (
        <div className="flex flex-wrap justify-end gap-2 border-base-300 border-t bg-base-200 px-5 py-3">{actions}</div>
      )}
    </dialog>
  );
}
