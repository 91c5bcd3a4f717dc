import { useEffect, useState } from "react";

interface SearchBoxProps {
  /** What it finds; also its placeholder. */
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly testId: string;
}

const typingMs = 250;

/** A filter by text. It is asked for once typing pauses. */
export function SearchBox({ label, value, onChange, testId }: SearchBoxProps) {
  const [text, setText] = useState(value);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what was typed starts the timer
  useEffect(() => {
    if (text === value) return;
    const timer = window.setTimeout(() => onChange(text.trim()), typingMs);
    return () => window.clearTimeout(timer);
  }, [text]);
  useEffect(() => setText(value), [value]);
  return (
    <input
      type="search"
      className="input input-sm w-full sm:w-56"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => setText(event.target.value)}
      data-testid={testId}
    />
  );
}
