import type { ComponentType } from "react";
import { useParams } from "wouter";
import { NotFound } from "../../app/not-found.tsx";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { ApiKeysPart } from "./api-keys-part.tsx";
import { OrganizationsPart } from "./organizations-part.tsx";
import { ProvidersPart } from "./providers-part.tsx";
import { ServerPart } from "./server-part.tsx";
import { VariableSetsPart } from "./variable-sets-part.tsx";

interface SettingsPart {
  readonly segment: string;
  readonly label: string;
  readonly content: ComponentType;
  readonly cli: string;
}

const parts: readonly SettingsPart[] = [
  { segment: "api-keys", label: "API keys", content: ApiKeysPart, cli: "windlass apikey list" },
  { segment: "organizations", label: "Organizations", content: OrganizationsPart, cli: "windlass org list" },
  { segment: "variable-sets", label: "Variable sets", content: VariableSetsPart, cli: "windlass varset list" },
  { segment: "providers", label: "Providers", content: ProvidersPart, cli: "windlass providers get" },
  { segment: "server", label: "Server", content: ServerPart, cli: "windlass status" },
];

export function SettingsPage() {
  const { part: segment = "api-keys" } = useParams<{ readonly part?: string }>();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const current = parts.find((part) => part.segment === segment);
  if (current === undefined) return <NotFound />;
  const tabs = parts.map((part) => ({
    label: part.label,
    href: path("settings", part.segment),
    isCurrent: part === current,
    testId: `tab-${part.segment}`,
  }));
  const Content = current.content;
  return (
    <Page
      title="Settings"
      tabTitle={`${current.label} · Settings`}
      cli={`${current.cli}${current.segment === "server" ? "" : orgFlag}`}
    >
      <Tabs label="Settings" tabs={tabs} />
      <Content />
    </Page>
  );
}
