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
];

export const LoginPage = page(() => import("../pages/login/login-page.tsx"), "LoginPage");
