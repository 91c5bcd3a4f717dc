import type { ChangeCounts, Run, Waiting } from "../gen/windlass/v1/run_pb.ts";
import { RunPriority, RunSource, RunState, WaitingReason } from "../gen/windlass/v1/run_pb.ts";
import { ageText, bytesText, spanText, timeText } from "./ages.ts";
import { factsOf, waitingTextOf } from "./run-states.ts";
import { type Column, detailLines } from "./table.ts";
import { enumText } from "./words.ts";

/** `run/run_…`. */
export const runName = ({ id }: Run): string => `run/${id}`;

/** `2 to add, 1 to change, 0 to destroy`. */
export function changesText(counts: ChangeCounts | undefined): string {
  if (counts === undefined) return "";
  const imports = counts.import === 0 ? "" : `${counts.import} to import, `;
  return `${imports}${counts.add} to add, ${counts.change} to change, ${counts.destroy} to destroy`;
}

const appliedText = (counts: ChangeCounts | undefined): string =>
  counts === undefined
    ? ""
    : changesText(counts)
        .replace("to add", "added")
        .replace("to change", "changed")
        .replace("to destroy", "destroyed")
        .replace("to import", "imported");

/** Why a run waits, with its place in the queue; empty if it does not. */
export function waitingText(waiting: Waiting | undefined): string {
  if (waiting === undefined || waiting.reason === WaitingReason.UNSPECIFIED) return "";
  const { reason, detail, blockingRunId, queuePosition } = waiting;
  const text = detail === "" ? waitingTextOf(reason) : detail.replace(/\.$/, "");
  const blocking = blockingRunId === "" || text.includes(blockingRunId) ? "" : ` (${blockingRunId})`;
  return `${text}${blocking}${queuePosition === 0 ? "" : ` (position ${queuePosition})`}`;
}

/** Where a run stands in one line: `planning on vm-7`, `plan queued: every agent is busy, position 2`. */
export function stateLine(run: Run): string {
  const { state, plan, apply, cancelRequestTime } = run;
  const { text, kind } = factsOf(state);
  const agent = { [RunState.PLANNING]: plan?.agentName, [RunState.APPLYING]: apply?.agentName }[state as number];
  const place = agent ? ` on ${agent}` : "";
  const isEnding = cancelRequestTime !== undefined && (kind === "waits" || kind === "works");
  const waiting = waitingText(run.waiting);
  const facts = [resultText(run), progressText(run), isEnding ? "cancel requested" : "", waiting].filter(
    (part) => part !== "",
  );
  return `${text}${place}${facts.length === 0 ? "" : `: ${facts.join("; ")}`}`;
}

/** `12 of 40 resources done`, once an apply has begun with them. */
function progressText({ state, apply, plannedChanges }: Run): string {
  const done = apply?.resourcesDone ?? 0;
  if (state !== RunState.APPLYING || done === 0) return "";
  const { add = 0, change = 0, destroy = 0 } = plannedChanges ?? {};
  return `${done} of ${Math.max(done, add + change + destroy)} resources done`;
}

function resultText({ state, plannedChanges, appliedChanges, hasChanges, errorMessage }: Run): string {
  if (state === RunState.PLANNED_AND_FINISHED && !hasChanges) return "no changes";
  if (state === RunState.PLANNED || state === RunState.PLANNED_AND_FINISHED) return changesText(plannedChanges);
  if (state === RunState.APPLIED) return appliedText(appliedChanges);
  return errorMessage;
}

/** What kind of run it is, if it is not a plain one: `destroy, plan-only`. */
function kindText({ options }: Run): string {
  const words = [
    options?.destroy ? "destroy" : "",
    options?.planOnly ? "plan-only" : "",
    options?.refreshOnly ? "refresh-only" : "",
    options?.refresh === false ? "no refresh" : "",
    options?.allowEmptyApply ? "allow-empty-apply" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
}

export const runColumns: readonly Column<Run>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "WORKSPACE", value: ({ workspace }) => workspace },
  { name: "STATE", value: ({ state }) => factsOf(state).text },
  { name: "CHANGES", value: ({ appliedChanges, plannedChanges }) => shortChanges(appliedChanges ?? plannedChanges) },
  { name: "AGENT", value: ({ apply, plan }) => apply?.agentName || plan?.agentName || "" },
  { name: "AGE", value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "WAITS FOR", value: ({ waiting }) => waitingText(waiting) },
  { name: "MESSAGE", isWide: true, value: ({ message }) => message },
  { name: "KIND", isWide: true, value: kindText },
  { name: "PRIORITY", isWide: true, value: ({ priority }) => enumText(RunPriority, priority) },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
];

/** Only what is not the rule. */
const priorityText = ({ priority }: Run): string =>
  priority === RunPriority.NORMAL ? "" : enumText(RunPriority, priority);

const shortChanges = (counts: ChangeCounts | undefined): string =>
  counts === undefined ? "" : `+${counts.add} ~${counts.change} -${counts.destroy}`;

/** A run for a person. */
export const runLines = (run: Run): readonly string[] =>
  detailLines([
    ["Id", run.id],
    ["Workspace", run.workspace],
    ["State", factsOf(run.state).text],
    ["Waits", waitingText(run.waiting)],
    ["Waits since", timeText(run.waiting?.sinceTime)],
    ["Error", run.errorMessage],
    ["In flight when lost", run.resourcesInFlight.join(", ")],
    ["Kind", kindText(run)],
    ["Message", run.message],
    ["Plan", phaseText(run.plan)],
    ["Planned", run.plannedChanges === undefined ? "" : changesText(run.plannedChanges)],
    ["Apply", phaseText(run.apply)],
    ["Applied", appliedText(run.appliedChanges)],
    ["Decided by", run.decidedBy],
    ["Comment", run.decisionComment],
    ["Canceled by", run.canceledBy],
    ["Priority", priorityText(run)],
    ["Retry of", run.retryOf],
    ["Configuration", run.configurationVersionId],
    ["State version", run.stateVersionId],
    ["Created by", `${run.createdBy}${run.source === RunSource.CLI ? ", with the command line" : ""}`],
    ["Created", timeText(run.createTime)],
    ["Cancel requested", timeText(run.cancelRequestTime)],
    ["Ended", timeText(run.endTime)],
  ]);

function phaseText(phase: Run["plan"]): string {
  if (phase === undefined) return "";
  const { agentName, startTime, endTime, logBytes, errorMessage } = phase;
  const took =
    startTime === undefined || endTime === undefined ? "" : `took ${spanText(millisBetween(startTime, endTime))}`;
  const place = agentName === "" ? "not started" : `on ${agentName}`;
  const log = logBytes === 0n ? "" : `log ${bytesText(logBytes)}`;
  return [place, took, log, errorMessage].filter((part) => part !== "").join(", ");
}

type Time = NonNullable<Run["createTime"]>;
const millisBetween = (from: Time, to: Time): number =>
  Number(to.seconds - from.seconds) * 1000 + (to.nanos - from.nanos) / 1e6;
