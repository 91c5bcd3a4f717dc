import { type KeyboardEvent, type ReactNode, useId } from "react";
import { classes } from "../class-names.ts";

interface ChoiceTabsProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChange: (value: Value) => void;
  readonly testId: string;
  /** What is shown for the value. */
  readonly children: ReactNode;
}

/** Tabs within a dialog, which have no URL of their own; arrows go through them. */
export function ChoiceTabs<Value extends string>({
  label,
  value,
  options,
  onChange,
  testId,
  children,
}: ChoiceTabsProps<Value>) {
  const id = useId();
  const step = (event: KeyboardEvent<HTMLDivElement>) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next =
      options[(options.findIndex((option) => option.value === value) + by + options.length) % options.length];
    if (by === 0 || next === undefined) return;
    onChange(next.value);
    event.currentTarget.querySelector<HTMLElement>(`[data-value="${next.value}"]`)?.focus();
  };
  return (
    <div className="space-y-3">
      <div
        role="tablist"
        aria-label={label}
        className="flex gap-1 overflow-x-auto border-base-300 border-b"
        onKeyDown={step}
      >
        {options.map((option) => (
          <button
            key={option.value}
            type="button"
            role="tab"
            id={`${id}-${option.value}`}
            data-value={option.value}
            aria-selected={option.value === value}
            aria-controls={`${id}-panel`}
            tabIndex={option.value === value ? 0 : -1}
            className={classes(
              "-mb-px cursor-pointer whitespace-nowrap border-b-2 px-3 py-1.5 font-medium text-sm",
              option.value === value ? "border-primary" : "quiet border-transparent hover:text-base-content",
            )}
            onClick={() => onChange(option.value)}
            data-testid={`${testId}-${option.value}`}
          >
            {option.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`} className="space-y-3">
        {children}
      </div>
    </div>
  );
}
