import { createQueryOptions } from "@connectrpc/connect-query";
import { type ComponentType, lazy } from "react";
import { matchRoute, type Parser } from "wouter";
import { RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { queryClient } from "../data/query-client.ts";
import { transport } from "../data/transport.ts";

interface LoadedPage {
  readonly page: ComponentType;
  readonly load: () => Promise<unknown>;
}

interface PageRoute extends LoadedPage {
  /** Below /o/:org. */
  readonly path: string;
  /** Asks the server for what the page shows first. */
  readonly ask?: (id: string) => void;
}

/** A page that is loaded when it is first shown. Its module exports it by name. */
function page<Name extends string>(load: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name): LoadedPage {
  return { load, page: lazy<ComponentType>(async () => ({ default: (await load())[name] })) };
}

const runPage = {
  ...page(() => import("../pages/run/run-page.tsx"), "RunPage"),
  ask: (runId: string) =>
    void queryClient.prefetchQuery(createQueryOptions(RunService.method.getRun, { runId }, { transport })),
};

/** Every page of an organization; the first that fits is shown. */
export const pageRoutes: readonly PageRoute[] = [
  { path: "/", ...page(() => import("../pages/overview/overview-page.tsx"), "OverviewPage") },
  { path: "/runs", ...page(() => import("../pages/runs/runs-page.tsx"), "RunsPage") },
  { path: "/runs/:id", ...runPage },
  { path: "/runs/:id/:tab", ...runPage },
  { path: "/pools", ...page(() => import("../pages/pools/pools-page.tsx"), "PoolsPage") },
  { path: "/pools/:id/:tab?", ...page(() => import("../pages/pool/pool-page.tsx"), "PoolPage") },
  { path: "/ws", ...page(() => import("../pages/workspaces/workspaces-page.tsx"), "WorkspacesPage") },
  { path: "/ws/:name/state/:version", ...page(() => import("../pages/state/state-page.tsx"), "StatePage") },
  { path: "/ws/:name/:tab?", ...page(() => import("../pages/workspace/workspace-page.tsx"), "WorkspacePage") },
  { path: "/audit", ...page(() => import("../pages/audit/audit-page.tsx"), "AuditPage") },
  {
    path: "/settings/variable-sets/:name",
    ...page(() => import("../pages/settings/variable-set-page.tsx"), "VariableSetPage"),
  },
  { path: "/settings/:part?", ...page(() => import("../pages/settings/settings-page.tsx"), "SettingsPage") },
  { path: "/agents", ...page(() => import("../pages/agents/agents-page.tsx"), "AgentsPage") },
  { path: "/agents/:id", ...page(() => import("../pages/agent/agent-page.tsx"), "AgentPage") },
];

export const { page: LoginPage } = page(() => import("../pages/login/login-page.tsx"), "LoginPage");

/** A pattern of the router for a page of any organization. */
export const patternOf = ({ path }: Pick<PageRoute, "path">): string => `/o/:organization${path === "/" ? "" : path}`;

/** Fetches the page of an address and what it shows first, while the server is asked who has come. */
export function fetchAhead(parser: Parser, location: string): void {
  for (const route of pageRoutes) {
    const [isIt, params] = matchRoute<{ readonly id?: string }>(parser, patternOf(route), location);
    if (!isIt) continue;
    // A failure is told by whoever shows the page.
    route.load().catch(() => undefined);
    if (params.id !== undefined) route.ask?.(params.id);
    return;
  }
}
