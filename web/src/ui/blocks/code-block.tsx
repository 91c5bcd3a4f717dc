import { CopyButton } from "../copy-button.tsx";

/** A text to be copied as it is. */
export function CodeBlock({
  text,
  what,
  testId,
}: {
  readonly text: string;
  readonly what: string;
  readonly testId?: string;
}) {
  return (
    <div className="relative rounded-field border border-base-300 bg-base-200">
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        className="max-h-60 overflow-auto py-2 pr-10 pl-3 font-mono text-xs leading-relaxed"
        data-testid={testId}
      >
        {text}
      </pre>
      <span className="absolute top-1 right-1 rounded-field bg-base-200">
        <CopyButton text={text} what={what} />
      </span>
    </div>
  );
}
