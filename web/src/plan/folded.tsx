import { type ReactNode, useState } from "react";

interface FoldedProps {
  readonly summary: ReactNode;
  /** Open at first, and whenever it becomes so. */
  readonly isOpen: boolean;
  readonly className: string;
  readonly testId: string;
  /** What is in it. */
  readonly content: () => ReactNode;
}

/** Something that folds. What is in it is built when it is opened first: a large plan has more than a browser holds with ease. */
export function Folded({ summary, isOpen, className, testId, content }: FoldedProps) {
  const [wasOpen, setWasOpen] = useState(isOpen);
  if (isOpen && !wasOpen) setWasOpen(true);
  return (
    <details
      open={isOpen}
      className={className}
      data-testid={testId}
      onToggle={({ currentTarget }) => {
        if (currentTarget.open) setWasOpen(true);
      }}
    >
      {summary}
      {wasOpen && content()}
    </details>
  );
}
