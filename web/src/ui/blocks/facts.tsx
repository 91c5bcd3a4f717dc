import type { ReactNode } from "react";

interface Fact {
  readonly label: string;
  readonly value: ReactNode;
}

/** What is known of a thing: names beside values. */
export function Facts({
  label,
  facts,
  testId,
}: {
  readonly label: string;
  readonly facts: readonly Fact[];
  readonly testId?: string;
}) {
  return (
    <dl
      aria-label={label}
      className="panel grid grid-cols-1 gap-x-8 px-4 py-2 text-sm sm:grid-cols-2"
      data-testid={testId}
    >
      {facts.map(({ label: name, value }) => (
        <div key={name} className="grid grid-cols-[8.5rem_minmax(0,1fr)] gap-3 py-1.5">
          <dt className="quiet">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Numbers side by side, large. */
export function Figures({ figures }: { readonly figures: readonly (Fact & { readonly hint?: ReactNode })[] }) {
  return (
    <dl className="panel grid grid-cols-2 sm:flex">
      {figures.map(({ label, value, hint }) => (
        <div key={label} className="min-w-0 flex-1 border-base-300 px-4 py-3 not-first:sm:border-l">
          <dt className="eyebrow">{label}</dt>
          <dd className="font-semibold text-lg leading-snug">{value}</dd>
          {hint !== undefined && <dd className="quiet truncate text-xs">{hint}</dd>}
        </div>
      ))}
    </dl>
  );
}
