import type { ReactNode } from "react";
import { CliLine } from "./cli-line.tsx";

interface EmptyStateProps {
  readonly title: string;
  /** What the next step is. */
  readonly children: ReactNode;
  readonly action?: ReactNode;
  readonly cli?: string | undefined;
}

/** Stands where there is nothing yet, and teaches the next step. */
export function EmptyState({ title, children, action, cli }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-12 text-center" data-testid="empty">
      <p className="font-medium">{title}</p>
      <div className="quiet max-w-md text-sm">{children}</div>
      {action}
      {cli !== undefined && (
        <div className="mt-1 max-w-full rounded-field border border-base-300 bg-base-200 px-3 py-1.5">
          <CliLine command={cli} />
        </div>
      )}
    </div>
  );
}
