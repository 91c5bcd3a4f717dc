import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { CliLine } from "../ui/cli-line.tsx";
import { type Favicon, setFavicon } from "./favicon.ts";

export interface Crumb {
  readonly label: string;
  readonly href: string;
}

interface PageProps {
  readonly title: string;
  /** The way here, without the page itself. */
  readonly crumbs?: readonly Crumb[];
  /** Stands in the browser's tab instead of the title. */
  readonly tabTitle?: string | undefined;
  readonly favicon?: Favicon | undefined;
  /** Beside the title. */
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  /** The command of `windlass` that shows or does the same. */
  readonly cli: string;
  readonly children: ReactNode;
}

/** The frame of a page: the way here, the title, what can be done, and the same for the command line at its foot. */
export function Page({ title, crumbs = [], tabTitle, favicon = "idle", lead, actions, cli, children }: PageProps) {
  useEffect(() => {
    document.title = `${tabTitle ?? title} · Windlass`;
  }, [tabTitle, title]);
  useEffect(() => setFavicon(favicon), [favicon]);
  return (
    <div className="mx-auto flex min-h-full w-full max-w-6xl flex-col px-4 py-5 md:px-8 md:py-7">
      {crumbs.length > 0 && <Breadcrumbs crumbs={crumbs} />}
      <header className="mb-5 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="min-w-0 break-words font-semibold text-xl tracking-tight">{title}</h1>
          {lead}
        </div>
        {actions !== undefined && (
          <div className="flex flex-wrap gap-2 [&_[role=tooltip]]:top-full [&_[role=tooltip]]:bottom-auto [&_[role=tooltip]]:mt-1.5">
            {actions}
          </div>
        )}
      </header>
      <div className="grow space-y-5">{children}</div>
      <footer className="mt-8 border-base-300 border-t pt-3">
        <CliLine command={cli} testId="page-cli" />
      </footer>
    </div>
  );
}

function Breadcrumbs({ crumbs }: { readonly crumbs: readonly Crumb[] }) {
  return (
    <nav aria-label="Breadcrumbs" className="quiet mb-1.5 text-sm">
      <ol className="flex flex-wrap gap-1.5">
        {crumbs.map(({ label, href }, index) => (
          <li key={href} className="flex min-w-0 gap-1.5">
            {index > 0 && <span aria-hidden="true">/</span>}
            <Link href={href} className="truncate hover:text-base-content hover:underline">
              {label}
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}
