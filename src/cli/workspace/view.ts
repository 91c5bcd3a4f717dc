import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { RunState } from "../../gen/windlass/v1/run_pb.ts";
import { Engine, ExecutionMode, type Workspace } from "../../gen/windlass/v1/workspace_pb.ts";
import type { Hint } from "../problems/problem.ts";
import { resolveHint } from "../run/outcome.ts";
import { isFinal } from "../run/states.ts";
import { ageText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { tagWords } from "./tags.ts";

/** `workspace/network`. */
export const workspaceName = ({ name }: Workspace): string => `workspace/${name}`;

const engineText = ({ engine, engineVersion }: Workspace): string =>
  [enumText(Engine, engine), engineVersion].filter((part) => part !== "").join(" ");

const modeText = ({ executionMode, agentPool }: Workspace): string =>
  [enumText(ExecutionMode, executionMode), agentPool].filter((part) => part !== "").join(": ");

/** `agent, as the organization has it`. */
const modeWords = ({ executionMode, inheritsExecutionMode }: Workspace): string =>
  `${enumText(ExecutionMode, executionMode)}${inheritsExecutionMode ? ", as the organization has it" : ""}`;

/** `ana, "moving to eu-west" since …`; empty if nobody holds it. */
function lockText({ lock }: Workspace): string {
  if (lock === undefined) return "";
  const reason = lock.reason === "" ? "" : `, "${lock.reason}"`;
  const isLost = isFinal(lock.runState) ? ", which has ended: somebody has to decide" : "";
  return `${lock.runId || lock.holder}${reason}${isLost}`;
}

/** `2h30m`; empty for the server's limit. */
function limitText(limit: Duration | undefined): string {
  const seconds = limit === undefined ? 0 : Math.round(durationMs(limit) / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
}

function sharedText({ sharesStateWithOrganization, remoteStateConsumers }: Workspace): string {
  if (sharesStateWithOrganization) return "every workspace of the organization";
  return remoteStateConsumers.join(", ");
}

export const workspaceColumns: readonly Column<Workspace>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "MODE", drop: 5, value: modeText },
  { name: "ENGINE", drop: 1, value: engineText },
  { name: "AUTO APPLY", drop: 2, value: ({ autoApply }) => (autoApply ? "yes" : "no") },
  { name: "LOCKED BY", drop: 4, value: lockText },
  { name: "CURRENT RUN", drop: 3, value: ({ currentRunId }) => currentRunId },
  { name: "QUEUED", isWide: true, value: ({ queuedRuns }) => (queuedRuns === 0 ? "" : String(queuedRuns)) },
  { name: "TAGS", isWide: true, value: (workspace) => tagWords(workspace).join(",") },
  { name: "SELECTOR", isWide: true, value: ({ agentSelector }) => agentSelector },
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
    ["Tags", tagWords(workspace).join(", ")],
    ["Made by", [workspace.sourceName, workspace.sourceUrl].filter((part) => part !== "").join(", ")],
    ["Execution mode", modeWords(workspace)],
    ["Pool", workspace.agentPool],
    ["Agent selector", workspace.agentSelector],
    ["Engine", engineText(workspace)],
    ["Working directory", workspace.workingDirectory],
    ["Auto-apply", workspace.autoApply ? "yes" : "no"],
    ["Destroy", workspace.refusesDestroy ? "refused" : ""],
    ["Parallelism", workspace.parallelism === 0 ? "" : String(workspace.parallelism)],
    ["Plan timeout", limitText(workspace.planTimeout)],
    ["Apply timeout", limitText(workspace.applyTimeout)],
    ["Init timeout", limitText(workspace.initTimeout)],
    ["Outputs read by", sharedText(workspace)],
    ["Locked by", lockText(workspace)],
    ["Locked since", timeText(workspace.lock?.sinceTime)],
    [workspace.lock?.runId === workspace.currentRunId ? "Current run" : "Newest run", workspace.currentRunId],
    ["Queued runs", workspace.queuedRuns === 0 ? "" : String(workspace.queuedRuns)],
    ["Current state", workspace.currentStateVersionId],
    ["Created", timeText(workspace.createTime)],
    ["Changed", timeText(workspace.updateTime)],
  ]);

/** What to do about a lock. */
export function lockHints(
  context: { readonly command: (text: string) => string },
  workspace: Workspace,
): readonly Hint[] {
  const { lock, name } = workspace;
  if (lock === undefined) return [];
  if (lock.runId === "") return [{ label: "Unlock", command: context.command(`workspace unlock ${name}`) }];
  if (isFinal(lock.runState)) return [resolveHint(context, { id: lock.runId })];
  if (lock.runState === RunState.PLANNED)
    return [{ label: "Confirm the run that holds it", command: context.command(`run confirm ${lock.runId}`) }];
  return [{ label: "See the run that holds it", command: context.command(`run get ${lock.runId}`) }];
}
