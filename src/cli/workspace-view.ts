import { Engine, ExecutionMode, type Workspace } from "../gen/windlass/v1/workspace_pb.ts";
import { ageText, timeText } from "./ages.ts";
import { type Column, detailLines } from "./table.ts";
import { enumText } from "./words.ts";

/** `workspace/network`. */
export const workspaceName = ({ name }: Workspace): string => `workspace/${name}`;

const engineText = ({ engine, engineVersion }: Workspace): string =>
  [enumText(Engine, engine), engineVersion].filter((part) => part !== "").join(" ");

const modeText = ({ executionMode, agentPool }: Workspace): string =>
  [enumText(ExecutionMode, executionMode), agentPool].filter((part) => part !== "").join(": ");

/** `ana, "moving to eu-west" since …`; empty if nobody holds it. */
function lockText({ lock }: Workspace): string {
  if (lock === undefined) return "";
  const reason = lock.reason === "" ? "" : `, "${lock.reason}"`;
  return `${lock.runId || lock.holder}${reason}`;
}

export const workspaceColumns: readonly Column<Workspace>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "MODE", value: modeText },
  { name: "ENGINE", value: engineText },
  { name: "AUTO APPLY", value: ({ autoApply }) => (autoApply ? "yes" : "no") },
  { name: "LOCKED BY", value: lockText },
  { name: "CURRENT RUN", value: ({ currentRunId }) => currentRunId },
  { name: "AGE", isWide: true, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "DESCRIPTION", isWide: true, value: ({ description }) => description },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** A workspace for a person. */
export const workspaceLines = (workspace: Workspace): readonly string[] =>
  detailLines([
    ["Name", workspace.name],
    ["Id", workspace.id],
    ["Organization", workspace.organization],
    ["Description", workspace.description],
    ["Execution mode", enumText(ExecutionMode, workspace.executionMode)],
    ["Pool", workspace.agentPool],
    ["Engine", engineText(workspace)],
    ["Working directory", workspace.workingDirectory],
    ["Auto-apply", workspace.autoApply ? "yes" : "no"],
    ["Locked by", lockText(workspace)],
    ["Locked since", timeText(workspace.lock?.sinceTime)],
    ["Current run", workspace.currentRunId],
    ["Current state", workspace.currentStateVersionId],
    ["Created", timeText(workspace.createTime)],
    ["Changed", timeText(workspace.updateTime)],
  ]);
