import { Link } from "wouter";
import { classes } from "./class-names.ts";

export interface TabLink {
  readonly label: string;
  readonly href: string;
  readonly isCurrent: boolean;
  readonly count?: number | undefined;
  readonly testId: string;
}

/** Links between the parts of a page; each has its own URL. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly TabLink[] }) {
  return (
    <nav aria-label={label} className="flex gap-1 overflow-x-auto border-base-300 border-b">
      {tabs.map(({ label: text, href, isCurrent, count, testId }) => (
        <Link
          key={href}
          href={href}
          aria-current={isCurrent ? "page" : undefined}
          className={classes(
            "-mb-px whitespace-nowrap border-b-2 px-3 py-2 font-medium text-sm",
            isCurrent ? "border-primary" : "quiet border-transparent hover:text-base-content",
          )}
          data-testid={testId}
        >
          {text}
          {count !== undefined && <span className="quiet ml-1.5 font-normal text-xs">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}
