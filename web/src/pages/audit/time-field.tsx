import { useId } from "react";

interface TimeFieldProps {
  readonly label: string;
  /** As the field has it, in the reader's zone: `2026-11-30T09:00`. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly testId: string;
}

/** A time of a filter. */
export function TimeField({ label, value, onChange, testId }: TimeFieldProps) {
  const id = useId();
  return (
    <span className="flex items-center gap-1.5">
      <label htmlFor={id} className="quiet text-sm">
        {label}
      </label>
      <input
        id={id}
        type="datetime-local"
        className="input input-sm w-auto"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        data-testid={testId}
      />
    </span>
  );
}
