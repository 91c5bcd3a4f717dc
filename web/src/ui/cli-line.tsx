import { CopyButton } from "./copy-button.tsx";

/** The command of `windlass` that does the same. */
export function CliLine({ command, testId = "cli-line" }: { readonly command: string; readonly testId?: string }) {
  return (
    <div className="flex min-w-0 items-center gap-2 font-mono text-xs" data-testid={testId}>
      <span aria-hidden="true" className="quiet select-none">
        $
      </span>
      <code className="min-w-0 truncate" title={command}>
        {command}
      </code>
      <CopyButton text={command} what="command" />
    </div>
  );
}
