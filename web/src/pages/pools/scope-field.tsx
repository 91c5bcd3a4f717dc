import { useId } from "react";

interface ScopeFieldProps {
  readonly isOpen: boolean;
  readonly onChange: (isOpen: boolean) => void;
}

const choices = [
  {
    isOpen: true,
    label: "Every workspace of the organization",
    hint: "Any workspace may be assigned to it.",
    testId: "scope-organization",
  },
  {
    isOpen: false,
    label: "Granted workspaces only",
    hint: "Runs of any other workspace wait, and say so.",
    testId: "scope-granted",
  },
] as const;

/** Who may use a pool. */
export function ScopeField({ isOpen, onChange }: ScopeFieldProps) {
  const name = useId();
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1 font-medium text-sm">Who may use it</legend>
      {choices.map((choice) => (
        <label key={choice.testId} className="flex items-start gap-2.5">
          <input
            type="radio"
            name={name}
            className="radio radio-sm mt-0.5"
            checked={choice.isOpen === isOpen}
            onChange={() => onChange(choice.isOpen)}
            data-testid={choice.testId}
          />
          <span>
            <span className="block text-sm">{choice.label}</span>
            <span className="quiet block text-xs">{choice.hint}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
