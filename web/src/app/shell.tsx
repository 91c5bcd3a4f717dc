import { useQuery } from "@connectrpc/connect-query";
import { type ReactNode, Suspense, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { tryNow } from "../data/keep-open.ts";
import { useLiveEvents } from "../data/live.ts";
import { session } from "../data/session.ts";
import { MenuIcon, SearchIcon } from "../ui/icons.tsx";
import { useShortcuts } from "../ui/shortcuts.ts";
import { JumpDialog } from "./jump.tsx";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { SectionLinks } from "./nav.tsx";
import { useOrganization } from "./organization.ts";
import { OrganizationSwitcher } from "./organization-switcher.tsx";

type Overlay = "jump" | "keys";

/** What stands around every page of an organization. */
export function Shell({ children }: { readonly children: ReactNode }) {
  const [overlay, setOverlay] = useState<Overlay>();
  const [isMenuOpen, setIsMenuOpen] = useState(false);
  const [location] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when another page is shown
  useEffect(() => setIsMenuOpen(false), [location]);
  useShortcuts([
    { keys: "/", label: "Search and jump", run: () => setOverlay("jump") },
    { keys: "?", label: "Keyboard shortcuts", run: () => setOverlay("keys") },
  ]);
  const side = <Side onSearch={() => setOverlay("jump")} onKeys={() => setOverlay("keys")} />;
  return (
    <div className="flex min-h-dvh flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-base-100 focus:p-2">
        Skip to the page
      </a>
      <header className="flex items-center justify-between border-base-300 border-b bg-base-200 px-4 py-2 md:hidden">
        <span className="font-semibold">Windlass</span>
        <button
          type="button"
          className="btn btn-ghost btn-sm btn-square"
          aria-expanded={isMenuOpen}
          aria-label="Menu"
          onClick={() => setIsMenuOpen(!isMenuOpen)}
          data-testid="menu"
        >
          <MenuIcon />
        </button>
      </header>
      <aside
        data-open={isMenuOpen}
        className="border-base-300 border-b px-3 py-4 data-[open=false]:hidden md:sticky md:top-0 md:block! md:h-dvh md:w-56 md:shrink-0 md:overflow-y-auto md:border-r md:border-b-0"
      >
        {side}
      </aside>
      <div className="flex min-w-0 grow flex-col bg-base-200">
        <LiveBanner />
        <main id="main" tabIndex={-1} className="grow outline-none">
          <Suspense fallback={<p className="quiet p-8">Loading…</p>}>{children}</Suspense>
        </main>
      </div>
      {overlay === "jump" && <JumpDialog onClose={() => setOverlay(undefined)} />}
      {overlay === "keys" && <KeyboardHelp onClose={() => setOverlay(undefined)} />}
    </div>
  );
}

function Side({ onSearch, onKeys }: { readonly onSearch: () => void; readonly onKeys: () => void }) {
  return (
    <div className="flex h-full flex-col gap-4">
      <OrganizationSwitcher />
      <button
        type="button"
        onClick={onSearch}
        className="quiet flex w-full items-center gap-2 rounded-field border border-base-300 bg-base-100 px-2.5 py-1.5 text-left text-sm hover:border-base-content/30"
        data-testid="search"
      >
        <SearchIcon />
        <span className="grow">Search</span>
        <kbd className="kbd kbd-xs">/</kbd>
      </button>
      <nav aria-label="Sections" className="grow">
        <SectionLinks />
      </nav>
      <Caller onKeys={onKeys} />
    </div>
  );
}

/** Who is signed in. */
function Caller({ onKeys }: { readonly onKeys: () => void }) {
  const { data } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  return (
    <div className="space-y-1 border-base-300 border-t pt-3 text-sm">
      <p className="truncate px-2.5" title={data?.id}>
        {data?.name}
      </p>
      <div className="flex gap-1">
        <button
          type="button"
          className="btn btn-ghost btn-xs"
          onClick={() => void session.signOut()}
          data-testid="sign-out"
        >
          Sign out
        </button>
        <button type="button" className="btn btn-ghost btn-xs" onClick={onKeys} data-testid="keys">
          Shortcuts <kbd className="kbd kbd-xs">?</kbd>
        </button>
      </div>
    </div>
  );
}

/** Says that what is shown may be old. Nothing is taken away meanwhile. */
function LiveBanner() {
  const state = useLiveEvents(useOrganization());
  return (
    <div role="status" data-testid="live" data-state={state}>
      {state === "reconnecting" && (
        <p className="border-warning/40 border-b bg-warning/10 px-4 py-1.5 text-center text-sm">
          Reconnecting to the server… What you see may be old.{" "}
          <button type="button" className="underline" onClick={tryNow} data-testid="try-now">
            Try now
          </button>
        </p>
      )}
    </div>
  );
}
