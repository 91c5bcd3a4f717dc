import type { ComponentType } from "react";
import { Link, useLocation } from "wouter";
import { classes } from "../ui/class-names.ts";
import { AgentIcon, AuditIcon, HomeIcon, PoolIcon, RunIcon, SettingsIcon, WorkspaceIcon } from "../ui/icons.tsx";
import { useShortcuts } from "../ui/shortcuts.ts";
import { usePath } from "./organization.ts";

interface Section {
  readonly label: string;
  /** Below /o/:org; empty is the start page. */
  readonly segment: string;
  readonly keys: string;
  readonly icon: ComponentType;
}

/** The sections of an organization, in the order of the navigation. */
export const sections: readonly Section[] = [
  { label: "Overview", segment: "", keys: "g o", icon: HomeIcon },
  { label: "Runs", segment: "runs", keys: "g r", icon: RunIcon },
  { label: "Workspaces", segment: "ws", keys: "g w", icon: WorkspaceIcon },
  { label: "Agent pools", segment: "pools", keys: "g p", icon: PoolIcon },
  { label: "Agents", segment: "agents", keys: "g a", icon: AgentIcon },
  { label: "Audit", segment: "audit", keys: "g l", icon: AuditIcon },
  { label: "Settings", segment: "settings", keys: "g s", icon: SettingsIcon },
];

/** The links to the sections, and the keys that lead there. */
export function SectionLinks() {
  const path = usePath();
  const [location, navigate] = useLocation();
  const home = path();
  const hrefOf = ({ segment }: Section) => (segment === "" ? home : path(segment));
  useShortcuts(
    sections.map((section) => ({ keys: section.keys, label: section.label, run: () => navigate(hrefOf(section)) })),
  );
  const isCurrent = (href: string) =>
    href === home ? location === home : location === href || location.startsWith(`${href}/`);
  return (
    <ul className="space-y-0.5">
      {sections.map((section) => {
        const href = hrefOf(section);
        return (
          <li key={section.segment}>
            <Link
              href={href}
              aria-current={isCurrent(href) ? "page" : undefined}
              className={classes(
                "flex items-center gap-2.5 rounded-field px-2.5 py-1.5 text-sm",
                isCurrent(href)
                  ? "bg-base-content/8 font-medium"
                  : "quiet hover:bg-base-content/5 hover:text-base-content",
              )}
              data-testid={`nav-${section.segment || "overview"}`}
            >
              <section.icon />
              {section.label}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
