import { useEffect, useState } from "react";
import { CheckIcon, CopyIcon } from "./icons.tsx";

const shownMs = 1500;

interface CopyButtonProps {
  /** A function is asked when it is copied. */
  readonly text: string | (() => string);
  /** What is copied: "command", "id". */
  readonly what: string;
  readonly testId?: string | undefined;
}

/** Copies a text, and says so. */
export function CopyButton({ text, what, testId }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<"copied" | "failed">();
  useEffect(() => {
    if (outcome === undefined) return;
    const timer = window.setTimeout(() => setOutcome(undefined), shownMs);
    return () => window.clearTimeout(timer);
  }, [outcome]);
  const copy = () =>
    navigator.clipboard.writeText(typeof text === "string" ? text : text()).then(
      () => setOutcome("copied"),
      () => setOutcome("failed"),
    );
  const label = outcome === undefined ? `Copy ${what}` : outcome === "copied" ? "Copied" : "Select it and copy by hand";
  return (
    <button
      type="button"
      className="btn btn-ghost btn-xs btn-square shrink-0"
      onClick={() => void copy()}
      aria-label={label}
      title={label}
      data-testid={testId ?? `copy-${what}`}
    >
      {outcome === "copied" ? <CheckIcon /> : <CopyIcon />}
      <span role="status" className="sr-only">
        {outcome === undefined ? "" : label}
      </span>
    </button>
  );
}
