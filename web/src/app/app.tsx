import { TransportProvider, useQuery } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, Suspense, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation, useParams, useRouter } from "wouter";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { queryClient } from "../data/query-client.ts";
import { session, useSessionState } from "../data/session.ts";
import { transport } from "../data/transport.ts";
import { ErrorNote } from "../ui/error-note.tsx";
import { listenForShortcuts } from "../ui/shortcuts.ts";
import { NotFound } from "./not-found.tsx";
import { OrganizationContext } from "./organization.ts";
import { fetchAhead, LoginPage, pageRoutes, patternOf } from "./routes.tsx";
import { Shell } from "./shell.tsx";
import { SignInAgain } from "./sign-in-again.tsx";

export function App() {
  useEffect(listenForShortcuts, []);
  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <Suspense fallback={null}>
          <Switch>
            <Route path="/login">
              <LoginPage />
            </Route>
            <Route>
              <SignedIn />
            </Route>
          </Switch>
        </Suspense>
      </QueryClientProvider>
    </TransportProvider>
  );
}

/** Everything that needs somebody. Whoever is not signed in comes back here afterwards. */
function SignedIn() {
  const state = useSessionState();
  const { data, error, refetch } = useQuery(SystemService.method.whoAmI, {}, { staleTime: 60_000 });
  const [location] = useLocation();
  const { parser } = useRouter();
  useState(() => fetchAhead(parser, location));
  useEffect(() => {
    if (data !== undefined) session.begin();
  }, [data]);
  if (state === "signed-out")
    return (
      <Redirect to={`/login?next=${encodeURIComponent(location + window.location.search + window.location.hash)}`} />
    );
  if (data === undefined)
    return error === null ? (
      <Middle>Loading…</Middle>
    ) : (
      <Middle>
        <ErrorNote error={error} what="The server could not be asked who you are" retry={() => void refetch()} />
      </Middle>
    );
  return (
    <>
      <Places organizations={data.organizations} />
      {state === "ended" && <SignInAgain />}
    </>
  );
}

const Middle = ({ children }: { readonly children: ReactNode }) => (
  <div className="mx-auto max-w-xl px-4 py-24">{children}</div>
);

function Places({ organizations }: { readonly organizations: readonly string[] }) {
  const first = organizations[0];
  if (first === undefined)
    return <Middle>Your API key sees no organization. Ask a site admin to create one, or for a key of yours.</Middle>;
  return (
    <Switch>
      <Route path="/">
        <Redirect to={`/o/${encodeURIComponent(first)}`} replace />
      </Route>
      <Route path="/settings/*?">
        {({ "*": rest = "" }) => (
          <Redirect to={`/o/${encodeURIComponent(first)}/settings/${rest}`.replace(/\/$/, "")} replace />
        )}
      </Route>
      <Route path="/o/:organization/*?">
        <OrganizationPages organizations={organizations} />
      </Route>
      <Route>
        <Middle>
          <NotFound />
        </Middle>
      </Route>
    </Switch>
  );
}

function OrganizationPages({ organizations }: { readonly organizations: readonly string[] }) {
  const organization = useParams<{ readonly organization: string }>().organization;
  return (
    <OrganizationContext value={{ organization, organizations }}>
      <Shell key={organization}>
        <Switch>
          {pageRoutes.map(({ path, page: Page }) => (
            <Route key={path} path={patternOf({ path })}>
              <Page />
            </Route>
          ))}
          <Route>
            <Middle>
              <NotFound />
            </Middle>
          </Route>
        </Switch>
      </Shell>
    </OrganizationContext>
  );
}
