import { type ReactNode, useId } from "react";
import { classes } from "./class-names.ts";

interface ActionButtonProps {
  readonly children: ReactNode;
  readonly onClick: () => void;
  readonly testId: string;
  readonly tone?: "plain" | "primary" | "danger" | "quiet";
  readonly size?: "xs" | "sm" | "md";
  /** Why it is off; it is on if absent. */
  readonly disabledReason?: string | undefined;
  readonly isBusy?: boolean;
  /** Of a button that stays pressed. */
  readonly isPressed?: boolean | undefined;
}

const tones = {
  plain: "btn-outline border-base-300 hover:bg-base-200 hover:text-base-content",
  primary: "btn-primary",
  danger: "btn-error",
  quiet: "btn-ghost",
} as const;

const sizes = { xs: "btn-xs font-medium", sm: "btn-sm", md: "" } as const;

/** A button that, when it is off, says why: to the mouse, to the keyboard and to readers of screens. */
export function ActionButton(props: ActionButtonProps) {
  const { children, onClick, testId, tone = "plain", size = "sm", disabledReason, isBusy = false, isPressed } = props;
  const reasonId = useId();
  const isOff = disabledReason !== undefined || isBusy;
  return (
    <span className="group relative inline-flex">
      <button
        type="button"
        className={classes(
          "btn",
          sizes[size],
          tones[tone],
          isPressed === true && "btn-active",
          isOff && "cursor-not-allowed text-base-content/60! opacity-100!",
        )}
        aria-disabled={isOff}
        aria-pressed={isPressed}
        aria-describedby={disabledReason === undefined ? undefined : reasonId}
        onClick={() => {
          if (!isOff) onClick();
        }}
        data-testid={testId}
      >
        {isBusy && <span aria-hidden="true" className="loading loading-spinner loading-xs" />}
        {children}
      </button>
      {disabledReason !== undefined && (
        <span
          id={reasonId}
          role="tooltip"
          className="pointer-events-none invisible absolute right-0 bottom-full z-30 mb-1.5 w-max max-w-64 rounded-field bg-neutral px-2.5 py-1.5 text-neutral-content text-xs group-focus-within:visible group-hover:visible"
        >
          {disabledReason}
        </span>
      )}
    </span>
  );
}
