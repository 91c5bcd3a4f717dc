import {
  type ChangeCounts,
  HeldInState,
  JobStatus,
  type KeptDirectory,
  type ResourceInFlight,
  type Run,
  type RunHook,
  RunPhase,
  RunPriority,
  RunSource,
  RunState,
  type Waiting,
  WaitingReason,
} from "../../gen/windlass/v1/run_pb.ts";
import { cleanLines } from "../../lib/text/clean-text.ts";
import { counted } from "../../lib/text/counted.ts";
import { cutText } from "../../lib/text/wrap-text.ts";
import { lookUp } from "../../lib/values/records.ts";
import { appliedWords, type CountedChanges, plannedWords, shortWords } from "../../lib/words/change-words.ts";
import type { Context } from "../server/context.ts";
import { linkTo } from "../shared/web-links.ts";
import { ageText, bytesText, spanText, timeText } from "../terminal/ages.ts";
import { type Column, type Detail, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { factsOf, waitingTextOf } from "./states.ts";

/** `run/run_…`. */
export const runName = ({ id }: Run): string => `run/${id}`;

/** `2 to add, 1 to change, 0 to destroy`; empty before the plan has ended. */
export const plannedText = ({
  plannedChanges: counts,
  ...run
}: Pick<Run, "plannedChanges" | "options" | "engine" | "hasChanges">): string =>
  counts === undefined ? "" : plannedWords(countedOf(counts), kindOf(run));

const appliedText = ({ appliedChanges: counts, ...run }: Run): string =>
  counts === undefined ? "" : appliedWords(countedOf(counts), kindOf(run));

const countedOf = ({ imported, moved, ...counts }: ChangeCounts): CountedChanges => ({
  ...counts,
  import: imported,
  move: moved,
});

const kindOf = ({ options, engine, hasChanges }: Pick<Run, "options" | "engine" | "hasChanges">) => ({
  isRefreshOnly: options?.refreshOnly === true,
  engine,
  hasChanges,
});

/** Why a run waits, with its place in the queue; empty if it does not. */
export function waitingText(waiting: Waiting | undefined): string {
  if (waiting === undefined || waiting.reason === WaitingReason.UNSPECIFIED) return "";
  const { reason, detail, blockingRunId, queuePosition } = waiting;
  const text = detail === "" ? waitingTextOf(reason) : detail.replace(/\.$/, "");
  const blocking = blockingRunId === "" || text.includes(blockingRunId) ? "" : ` (${blockingRunId})`;
  return `${text}${blocking}${queuePosition === 0 ? "" : ` (position ${queuePosition})`}`;
}

/** The same of a run whose end is told in full right after it. */
export const progressLine = (run: Run): string =>
  factsOf(run.state).kind === "badly" ? factsOf(run.state).text : stateLine(run);

/** Where a run stands in one line: `planning on vm-7`, `plan queued: every agent is busy, position 2`. */
export function stateLine(run: Run): string {
  const { state, plan, apply, cancelRequestTime } = run;
  const { text, kind } = factsOf(state);
  const agent = lookUp({ [RunState.PLANNING]: plan?.agentName, [RunState.APPLYING]: apply?.agentName }, state);
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

function resultText(run: Run): string {
  const { state, hasChanges, errorMessage } = run;
  if (state === RunState.PLANNED_AND_FINISHED && !hasChanges) return "no changes";
  if (state === RunState.PLANNED || state === RunState.PLANNED_AND_FINISHED) return plannedText(run);
  if (state === RunState.APPLIED) return appliedText(run);
  return errorMessage;
}

/** What kind of run it is, if it is not a plain one: `destroy, plan-only`. */
function kindText({ options }: Run): string {
  const words = [
    options?.destroy ? "destroy" : "",
    options?.planOnly ? "plan-only" : "",
    options?.savePlan ? "saved plan" : "",
    options?.refreshOnly ? "refresh-only" : "",
    options?.refresh === false ? "no refresh" : "",
    options?.allowEmptyApply ? "allow-empty-apply" : "",
    options?.suppressForgetErrors ? "suppress-forget-errors" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
}

export const runColumns: readonly Column<Run>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "WORKSPACE", value: ({ workspace }) => workspace },
  { name: "STATE", isStatus: true, value: ({ state }) => factsOf(state).text },
  { name: "CHANGES", drop: 2, value: shortChanges },
  { name: "AGENT", drop: 1, value: ({ apply, plan }) => apply?.agentName || plan?.agentName || "" },
  { name: "AGE", drop: 4, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "WAITS FOR", drop: 5, value: ({ waiting }) => waitingText(waiting) },
  { name: "ERROR", drop: 3, value: ({ errorMessage }) => errorMessage },
  { name: "MESSAGE", isWide: true, value: ({ message }) => message },
  { name: "KIND", isWide: true, value: kindText },
  { name: "ENGINE", isWide: true, value: engineText },
  { name: "PRIORITY", isWide: true, value: ({ priority }) => enumText(RunPriority, priority) },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
  { name: "SOURCE", isWide: true, value: ({ source }) => enumText(RunSource, source) },
];

const sourceTexts: ReadonlyMap<RunSource, string> = new Map([
  [RunSource.API, "over the API"],
  [RunSource.CLI, "with the command line"],
  [RunSource.BROWSER, "in the browser"],
  [RunSource.TFE_API, "over the TFE API"],
  [RunSource.TERRAFORM, "with the terraform program"],
]);

/** `tofu 1.12.6`; empty before there is a plan. */
function engineText({ engine, engineVersion }: Run): string {
  return `${engine} ${engineVersion}`.trim();
}

/** Only what is not the rule. */
const priorityText = ({ priority }: Run): string =>
  priority === RunPriority.NORMAL ? "" : enumText(RunPriority, priority);

function shortChanges({ appliedChanges, plannedChanges, ...run }: Run): string {
  const counts = appliedChanges ?? plannedChanges;
  return counts === undefined ? "" : shortWords(countedOf(counts), kindOf(run));
}

/** `postgresql_role.r (creating)`, `aws_instance.a (destroying, id=i-1)`; what an older server tells has no action. */
export const inFlightTexts = ({ inFlight, resourcesInFlight }: Run): readonly string[] =>
  inFlight.length === 0 ? resourcesInFlight : inFlight.map(inFlightText);

/** How the last state of the apply has what was in flight. */
const noteTexts = ({ inFlight }: Run): readonly string[] =>
  inFlight.filter(({ note }) => note !== "").map(({ address, note }) => `${address}: ${note}`);

/** What was in flight when an apply ended, for details. */
export const inFlightLines = (run: Run): readonly (readonly [string, string])[] => [
  [isLost(run) ? "In flight when lost" : "In flight when ended", inFlightTexts(run).join(", ")],
  ...noteTexts(run).map((note) => ["Its last state", note] as const),
];

/** What is in no state after an apply, for details. */
export const lostLines = ({ id, lost, lostCount }: Run): readonly (readonly [string, string])[] => {
  const names = lost.slice(0, maxLostNames).map(({ address, action }) => `${address} (${action})`);
  const more = lostCount - names.length;
  const text = `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const isKnown = lost.every(({ held }) => held !== HeldInState.UNKNOWN);
  const label = isKnown ? "Finished, not in the state" : "Finished, perhaps not in the state";
  return names.length === 0 ? [] : [[label, `${text}: windlass run lost ${id}`]];
};

const maxLostNames = 10;

function inFlightText({ address, action, idKey, id }: ResourceInFlight): string {
  const notes = [doing.get(action) ?? action, id === "" ? "" : `${idKey}=${id}`].filter((note) => note !== "");
  return `${address}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
}

const doing = new Map([
  ["create", "creating"],
  ["update", "changing"],
  ["delete", "destroying"],
]);

/** A lost apply, and not one that terraform or a person ended. */
export const isLost = ({ apply }: Run): boolean => apply?.status === JobStatus.INTERRUPTED;

const isCanceled = ({ state }: Run): boolean => state === RunState.CANCELED || state === RunState.FORCE_CANCELED;

/** The link to a run's page, for people; undefined if the server does not say where its UI is. */
export const runLink = (context: Context, { id, organization }: Run): Promise<string | undefined> =>
  linkTo(context, { kind: "run", organization, name: id });

/** Says it beside the answer. */
export async function sayLink(context: Context, run: Run): Promise<void> {
  const link = await runLink(context, run);
  if (link !== undefined) context.notes.say(`See it at ${link}`);
}

/** What is shown of a summary; `-o json` and the run's page have all of it. */
const maxSummaryLines = 20;
const maxSummaryWidth = 1_000;
const shownHashDigits = 12;

/** A hook with what it ended with, and what it says below. */
function hookDetail(id: string, { phase, name, sha256, exitCode, summary }: RunHook): Detail {
  const hash = sha256 === "" ? "" : ` (SHA-256 ${sha256.slice(0, shownHashDigits)})`;
  const result = exitCode === 0 ? "" : exitCode < 0 ? "was ended" : `exit code ${exitCode}`;
  const label = phase === RunPhase.APPLY ? "Apply's hook" : "Plan's hook";
  return [label, [`${name}${hash}`, result].filter(Boolean).join(": "), summaryLines(id, summary)];
}

function summaryLines(id: string, summary: string): readonly string[] {
  const text = cleanLines(summary)
    .trimEnd()
    .replace(/^(?:[ \t]*\n)+/, "");
  const lines = text === "" ? [] : text.split("\n");
  const more = lines.length - maxSummaryLines;
  const shown = lines.slice(0, maxSummaryLines).map((line) => cutText(line, maxSummaryWidth));
  const rest = `(and ${counted(more, "more line")}: windlass run get ${id} -o json, or the run's page)`;
  return more > 0 ? [...shown, rest] : shown;
}

/** A run for a person. */
export const runLines = (run: Run, link = ""): readonly string[] =>
  detailLines([
    ["Id", run.id],
    ["Workspace", run.workspace],
    ["Page", link],
    ["State", factsOf(run.state).text],
    ["Reason", waitingText(run.waiting)],
    ["Since", timeText(run.waiting?.sinceTime)],
    ["Error", run.errorMessage],
    ...run.warnings.map((warning) => ["Warning", warning] as const),
    ["Denied by", run.deniedBy],
    ...run.hooks.map((hook) => hookDetail(run.id, hook)),
    ...inFlightLines(run),
    ...lostLines(run),
    ["Kind", kindText(run)],
    ["Limited to", run.options?.targets.join(", ") ?? ""],
    ["Leaves out", run.options?.excludes.join(", ") ?? ""],
    ["Message", run.message],
    ["Plan", phaseText(run.plan, run.errorMessage)],
    ["Engine", engineText(run)],
    ["Plan's log", logText(run.plan)],
    ["Planned", plannedText(run)],
    ["Apply", phaseText(run.apply, run.errorMessage)],
    ["Apply's log", logText(run.apply)],
    ["Applied", appliedText(run)],
    ["Decided by", run.decidedBy],
    ["Comment", run.decisionComment],
    [isCanceled(run) ? "Canceled by" : "Cancel asked by", run.canceledBy],
    ["Priority", priorityText(run)],
    ["Retry of", run.retryOf],
    ["Configuration", run.configurationVersionId],
    ["State version", run.stateVersionId],
    ["Created by", [run.createdBy, sourceTexts.get(run.source) ?? ""].filter(Boolean).join(", ")],
    ["Created", timeText(run.createTime)],
    ["Cancel requested", timeText(run.cancelRequestTime)],
    ["Ended", timeText(run.endTime)],
    ...run.keptDirectories.map((kept) => [`Kept on agent ${kept.agent}`, keptText(kept)] as const),
  ]);

/** `/var/lib/…/jobs/job_…-1 (12 kB): the state could not be delivered`. */
const keptText = ({ path, sizeBytes, reason }: KeptDirectory): string => `${path} (${bytesText(sizeBytes)}): ${reason}`;

/** `told` is the run's error, which stands above, and mostly begins with that of the phase. */
function phaseText(phase: Run["plan"], told: string): string {
  if (phase === undefined) return "";
  const { agentName, startTime, endTime, logBytes, errorMessage } = phase;
  const took =
    startTime === undefined || endTime === undefined ? "" : `took ${spanText(millisBetween(startTime, endTime))}`;
  const place = agentName === "" ? "not started" : `on ${agentName}`;
  const log = logBytes === 0n ? "" : `log ${bytesText(logBytes)}`;
  return [place, took, log, told.includes(errorMessage) ? "" : errorMessage].filter((part) => part !== "").join(", ");
}

/** Only what is wrong with it. */
const logText = (phase: Run["plan"]): string =>
  phase === undefined || phase.logProblem === "" ? "" : `not whole: ${phase.logProblem}`;

type Time = NonNullable<Run["createTime"]>;
const millisBetween = (from: Time, to: Time): number =>
  Number(to.seconds - from.seconds) * 1000 + (to.nanos - from.nanos) / 1e6;
