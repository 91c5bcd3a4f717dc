import { type ComponentType, lazy } from "react";

interface PageRoute {
  /** Below /o/:org. */
  readonly path: string;
  readonly page: ComponentType;
}

/** A page that is loaded when it is first shown. Its module exports it by name. */
function page<Name extends string>(load: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name) {
  return lazy<ComponentType>(async () => ({ default: (await load())[name] }));
}

const RunPage = page(() => import("../pages/run/run-page.tsx"), "RunPage");

/** Every page of an organization; the first that fits is shown. */
export const pageRoutes: readonly PageRoute[] = [
  { path: "/", page: page(() => import("../pages/overview/overview-page.tsx"), "OverviewPage") },
  { path: "/runs", page: page(() => import("../pages/runs/runs-page.tsx"), "RunsPage") },
  { path: "/runs/:id", page: RunPage },
  { path: "/runs/:id/:tab", page: RunPage },
  { path: "/pools", page: page(() => import("../pages/pools/pools-page.tsx"), "PoolsPage") },
  { path: "/pools/:id/:tab?", page: page(() => import("../pages/pool/pool-page.tsx"), "PoolPage") },
  { path: "/ws", page: page(() => import("../pages/workspaces/workspaces-page.tsx"), "WorkspacesPage") },
  { path: "/ws/:name/state/:version", page: page(() => import("../pages/state/state-page.tsx"), "StatePage") },
  { path: "/ws/:name/:tab?", page: page(() => import("../pages/workspace/workspace-page.tsx"), "WorkspacePage") },
  { path: "/audit", page: page(() => import("../pages/audit/audit-page.tsx"), "AuditPage") },
  {
    path: "/settings/variable-sets/:name",
    page: page(() => import("../pages/settings/variable-set-page.tsx"), "VariableSetPage"),
  },
  { path: "/settings/:part?", page: page(() => import("../pages/settings/settings-page.tsx"), "SettingsPage") },
  { path: "/agents", page: page(() => import("../pages/agents/agents-page.tsx"), "AgentsPage") },
  { path: "/agents/:id", page: page(() => import("../pages/agent/agent-page.tsx"), "AgentPage") },
];

export const LoginPage = page(() => import("../pages/login/login-page.tsx"), "LoginPage");
