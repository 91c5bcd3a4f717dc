import { useQuery } from "@connectrpc/connect-query";
import { type ComponentType, useState } from "react";
import { useParams } from "wouter";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { ExecutionMode, type Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { NotFound } from "../../app/not-found.tsx";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { StartRunDialog } from "../run/start-run-dialog.tsx";
import { StateTab } from "../state/state-tab.tsx";
import { VariablesTab } from "../variables/variables-tab.tsx";
import { LockBanner } from "./lock-banner.tsx";
import { LockDialog } from "./lock-dialog.tsx";
import { OverviewTab } from "./overview-tab.tsx";
import { RunsTab } from "./runs-tab.tsx";
import { SettingsTab } from "./settings-tab.tsx";
import { UploadDialog } from "./upload-dialog.tsx";

export interface WorkspaceTabProps {
  readonly workspace: Workspace;
}

interface WorkspaceTab {
  readonly segment: string;
  readonly label: string;
  readonly content: ComponentType<WorkspaceTabProps>;
  /** The command that shows or does the same. */
  readonly cli: (workspace: string) => string;
}

const tabs: readonly WorkspaceTab[] = [
  {
    segment: "overview",
    label: "Overview",
    content: OverviewTab,
    cli: (name) => `windlass workspace get ${shellWord(name)}`,
  },
  { segment: "runs", label: "Runs", content: RunsTab, cli: (name) => `windlass workspace runs ${shellWord(name)}` },
  {
    segment: "variables",
    label: "Variables",
    content: VariablesTab,
    cli: (name) => `windlass var list -w ${shellWord(name)}`,
  },
  { segment: "state", label: "State", content: StateTab, cli: (name) => `windlass state list ${shellWord(name)}` },
  {
    segment: "settings",
    label: "Settings",
    content: SettingsTab,
    cli: (name) => `windlass workspace edit ${shellWord(name)} --description TEXT`,
  },
];

export function WorkspacePage() {
  const { name, tab: segment = "overview" } = useParams<{ readonly name: string; readonly tab?: string }>();
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(WorkspaceService.method.getWorkspace, { organization, workspace: name });
  const workspace = data?.workspace;
  const current = tabs.find((tab) => tab.segment === segment);
  if (current === undefined) return <NotFound />;
  const links = tabs.map(({ segment: to, label }) => ({
    label,
    href: to === "overview" ? path("ws", name) : path("ws", name, to),
    isCurrent: to === segment,
    testId: `tab-${to}`,
  }));
  const Content = current.content;
  return (
    <Page
      title={workspace?.name ?? name}
      crumbs={[{ label: "Workspaces", href: path("ws") }]}
      actions={workspace !== undefined && <WorkspaceActions workspace={workspace} />}
      cli={`${current.cli(workspace?.name ?? name)}${orgFlag}`}
    >
      {error !== null && (
        <ErrorNote error={error} what="The workspace could not be read" retry={() => void refetch()} />
      )}
      {workspace !== undefined && (
        <>
          {workspace.description !== "" && <p className="quiet -mt-3 max-w-2xl">{workspace.description}</p>}
          {workspace.lock !== undefined && <LockBanner workspace={workspace} lock={workspace.lock} />}
          <Tabs label="Parts of the workspace" tabs={links} />
          <Content workspace={workspace} />
        </>
      )}
    </Page>
  );
}

function WorkspaceActions({ workspace }: WorkspaceTabProps) {
  const [open, setOpen] = useState<"start" | "lock" | "upload">();
  const [configurationId, setConfigurationId] = useState("");
  const lack = useLack(Permission.OPERATE);
  const cannotStart = useLack(Permission.PLAN);
  const isLocal =
    workspace.executionMode === ExecutionMode.LOCAL ? "It only stores state: runs happen elsewhere" : undefined;
  const close = () => setOpen(undefined);
  return (
    <>
      <ActionButton
        onClick={() => setOpen("lock")}
        testId="lock-workspace"
        disabledReason={lack ?? (workspace.lock === undefined ? undefined : "It is locked already")}
      >
        Lock
      </ActionButton>
      <ActionButton onClick={() => setOpen("upload")} testId="workspace-upload" disabledReason={cannotStart ?? isLocal}>
        Upload
      </ActionButton>
      <ActionButton
        onClick={() => {
          setConfigurationId("");
          setOpen("start");
        }}
        testId="workspace-start-run"
        tone="primary"
        disabledReason={cannotStart ?? isLocal}
      >
        Start run
      </ActionButton>
      {open === "start" && (
        <StartRunDialog workspace={workspace.name} configurationId={configurationId} onClose={close} />
      )}
      {open === "upload" && (
        <UploadDialog
          workspace={workspace}
          onStart={(id) => {
            setConfigurationId(id);
            setOpen("start");
          }}
          onClose={close}
        />
      )}
      {open === "lock" && <LockDialog workspace={workspace} onClose={close} />}
    </>
  );
}
