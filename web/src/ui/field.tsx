import { type ReactNode, useId } from "react";
import { classes } from "./class-names.ts";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly testId: string;
  readonly hint?: ReactNode;
  /** What is wrong with it. */
  readonly error?: string | undefined;
  readonly type?: "text" | "password" | "number" | "email";
  /** More than one makes it a text area. */
  readonly rows?: number;
  readonly mono?: boolean;
  readonly placeholder?: string;
  readonly autoComplete?: string;
  readonly required?: boolean;
}

/** A labelled input with its hint, and with what is wrong with it. */
export function Field(props: FieldProps) {
  const { label, value, onChange, testId, hint, error, type = "text", rows = 1, mono = false, ...others } = props;
  const id = useId();
  const about = `${id}-about`;
  const shared = {
    ...{ id, value, "data-testid": testId, autoComplete: "off", spellCheck: false, ...others },
    "aria-invalid": error !== undefined,
    "aria-describedby": error === undefined && hint === undefined ? undefined : about,
    onChange: (event: { readonly target: { readonly value: string } }) => onChange(event.target.value),
  };
  const look = classes("w-full", mono && "font-mono text-sm", error !== undefined && "border-error");
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="block font-medium text-sm">
        {label}
      </label>
      {rows > 1 ? (
        <textarea {...shared} rows={rows} className={classes("textarea", look)} />
      ) : (
        <input {...shared} type={type} className={classes("input", look)} />
      )}
      {(error !== undefined || hint !== undefined) && (
        <p id={about} className={classes("text-xs", error === undefined ? "quiet" : "text-error")}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

interface CheckFieldProps {
  readonly label: string;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly testId: string;
  readonly hint?: ReactNode;
  /** Why it is off; it is on if absent. */
  readonly disabledReason?: string | undefined;
}

export function CheckField({ label, isChecked, onChange, testId, hint, disabledReason }: CheckFieldProps) {
  const said = disabledReason ?? hint;
  return (
    <label className={classes("flex items-start gap-2.5", disabledReason !== undefined && "cursor-not-allowed")}>
      <input
        type="checkbox"
        className="checkbox checkbox-sm mt-0.5"
        checked={isChecked}
        onChange={(event) => disabledReason === undefined && onChange(event.target.checked)}
        aria-disabled={disabledReason !== undefined}
        data-testid={testId}
      />
      <span>
        <span className={classes("block text-sm", disabledReason !== undefined && "quiet")}>{label}</span>
        {said !== undefined && <span className="quiet block text-xs">{said}</span>}
      </span>
    </label>
  );
}

interface SelectFieldProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  /** One that is off says in its label why. */
  readonly options: readonly { readonly value: Value; readonly label: string; readonly isOff?: boolean }[];
  readonly onChange: (value: Value) => void;
  readonly testId: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  /** The label is only for readers of screens. */
  readonly isBare?: boolean;
}

export function SelectField<Value extends string>(props: SelectFieldProps<Value>) {
  const { label, value, options, onChange, testId, hint, error, isBare = false } = props;
  const id = useId();
  const choose = (text: string) => {
    const chosen = options.find((option) => option.value === text);
    if (chosen !== undefined) onChange(chosen.value);
  };
  return (
    <div className={isBare ? "contents" : "space-y-1"}>
      <label htmlFor={id} className={isBare ? "sr-only" : "block font-medium text-sm"}>
        {label}
      </label>
      <select
        id={id}
        className={classes("select", isBare ? "select-sm w-auto" : "w-full", error !== undefined && "border-error")}
        value={value}
        onChange={(event) => choose(event.target.value)}
        data-testid={testId}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.isOff === true}>
            {option.label}
          </option>
        ))}
      </select>
      {(error !== undefined || hint !== undefined) && (
        <p className={classes("text-xs", error === undefined ? "quiet" : "text-error")}>{error ?? hint}</p>
      )}
    </div>
  );
}
