import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { Link } from "wouter";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { ExecutionMode, type Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { Facts } from "../../ui/blocks/facts.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { engineText, modeWords } from "../../words/execution.ts";
import { RunsTable } from "../runs/runs-table.tsx";
import { Outputs } from "../state/outputs.tsx";
import { Resources } from "../state/resources.tsx";
import type { WorkspaceTabProps } from "./workspace-page.tsx";

export function OverviewTab({ workspace }: WorkspaceTabProps) {
  const hasState = workspace.currentStateVersionId !== "";
  return (
    <>
      <LatestRun workspace={workspace} />
      <Facts label="The workspace" facts={factsOf(workspace)} testId="workspace-facts" />
      {hasState && <Outputs stateVersionId={workspace.currentStateVersionId} />}
      {hasState && <Resources stateVersionId={workspace.currentStateVersionId} />}
    </>
  );
}

const factsOf = (workspace: Workspace) => [
  { label: "Runs where", value: <Place workspace={workspace} /> },
  {
    label: "Engine",
    value: `${engineText(workspace.engine)} ${workspace.engineVersion || "(whatever the agent has)"}`,
  },
  {
    label: "Auto-apply",
    value: workspace.autoApply
      ? "on: plans with changes are applied without asking"
      : "off: somebody confirms each plan",
  },
  {
    label: "Directory",
    value:
      workspace.workingDirectory === "" ? (
        "the root"
      ) : (
        <span className="font-mono text-xs">{workspace.workingDirectory}</span>
      ),
  },
  {
    label: "Tags",
    value: workspace.tags.length === 0 ? <span className="quiet">none</span> : workspace.tags.join(", "),
  },
  { label: "Changed", value: <RelativeTime time={workspace.updateTime} /> },
];

function Place({ workspace: { executionMode, agentPool, agentSelector } }: { readonly workspace: Workspace }) {
  const path = usePath();
  if (executionMode !== ExecutionMode.AGENT)
    return <span title={modeWords(executionMode).about}>{modeWords(executionMode).text.toLowerCase()}</span>;
  return (
    <>
      pool{" "}
      <Link href={path("pools", agentPool)} className="font-medium underline-offset-2 hover:underline">
        {agentPool}
      </Link>
      {agentSelector !== "" && (
        <span className="quiet">
          , agents with <code className="font-mono text-xs">{agentSelector}</code>
        </span>
      )}
    </>
  );
}

/** The run that holds the workspace or, if none does, its newest. */
function LatestRun({ workspace: { currentRunId, name } }: WorkspaceTabProps) {
  const orgFlag = useOrgFlag();
  const { data } = useQuery(RunService.method.getRun, currentRunId === "" ? skipToken : { runId: currentRunId });
  const run = data?.run;
  return (
    <Section title="Latest run">
      {currentRunId === "" || run !== undefined ? (
        <RunsTable
          runs={run === undefined ? [] : [run]}
          hasWorkspace={false}
          label="Latest run"
          testId="latest-run"
          empty={
            <EmptyState title="No runs yet" cli={`windlass run start ${shellWord(name)} --dir .${orgFlag}`}>
              Upload a configuration and start a run above. The command uploads the one in its directory, and plans it.
            </EmptyState>
          }
        />
      ) : (
        <div className="panel skeleton h-24" />
      )}
    </Section>
  );
}
