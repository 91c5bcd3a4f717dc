import { type ReactNode, useId } from "react";

interface SectionProps {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  readonly testId?: string;
}

/** A part of a page with its own heading. */
export function Section({ title, lead, actions, children, testId }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="space-y-2.5" data-testid={testId}>
      <div className="flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h2 id={id} className="font-semibold">
            {title}
          </h2>
          {lead !== undefined && <div className="quiet max-w-2xl text-sm">{lead}</div>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </section>
  );
}
