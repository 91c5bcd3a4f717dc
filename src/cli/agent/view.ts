import {
  type Agent,
  type AgentJob,
  AgentStatus,
  AgentUpdateState,
  type EngineProgram,
} from "../../gen/windlass/v1/agent_pb.ts";
import { JobStatus, type KeptDirectory, RunPhase } from "../../gen/windlass/v1/run_pb.ts";
import { Engine } from "../../gen/windlass/v1/workspace_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { shownSize } from "../../lib/text/size-text.ts";
import type { Context } from "../server/context.ts";
import { ageText, bytesText, spanBetween, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

/** One line for each directory that an agent keeps. */
const keptLines = ({ keptDirectories }: Agent): readonly (readonly [string, string])[] =>
  keptDirectories.map((kept) => ["Kept", keptText(kept)]);

/** `1 job directory`, `2 job directories`. */
export const keptCount = (count: number): string => `${count} job ${count === 1 ? "directory" : "directories"}`;

/** `/var/lib/…/jobs/job_…-1 (12 kB), of run run_… in network: the state could not be delivered`. */
const keptText = ({ path, sizeBytes, runId, workspace, reason, removing }: KeptDirectory): string =>
  `${path} (${bytesText(sizeBytes)}), of run ${runId} in ${workspace}: ${reason}${removing ? " (to be removed)" : ""}`;

/** `kept/job_…`. */
export const keptName = ({ jobId }: KeptDirectory): string => `kept/${jobId}`;

export const keptColumns: readonly Column<KeptDirectory>[] = [
  { name: "AGENT", value: ({ agent }) => agent },
  { name: "JOB", value: ({ jobId }) => jobId },
  { name: "RUN", value: ({ runId }) => runId },
  { name: "WORKSPACE", drop: 3, value: ({ workspace }) => workspace },
  { name: "SIZE", drop: 2, value: ({ sizeBytes }) => bytesText(sizeBytes) },
  { name: "SINCE", drop: 1, value: ({ keepTime }, now) => ageText(keepTime, now) },
  { name: "REASON", value: ({ reason, removing }) => `${removing ? "to be removed: " : ""}${reason}` },
  { name: "PATH", isWide: true, value: ({ path }) => path },
];

/**
 * When it hears of something: ` as soon as it is back (last seen 53s ago)`; empty if it can be reached, as far as is
 * known.
 */
export function laterText({ connectedTo, status, lastSeenTime }: Agent, { io }: Pick<Context, "io">): string {
  const isSilent = status === AgentStatus.UNKNOWN || status === AgentStatus.ERRORED;
  if (connectedTo !== "" && !isSilent) return "";
  const seen = lastSeenTime === undefined ? "" : ` (last seen ${ageText(lastSeenTime, io.clock.now())} ago)`;
  return ` as soon as it is back${seen}`;
}

/** `agent/vm-7`. */
export const agentName = ({ name }: Agent): string => `agent/${name}`;

/** `busy, draining`. */
export const agentStatusText = ({ status, paused, draining }: Agent): string =>
  [enumText(AgentStatus, status), paused ? "paused" : "", draining ? "draining" : ""].filter((word) => word).join(", ");

const labelsText = ({ labels }: Agent): string =>
  Object.entries(labels)
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`))
    .join(", ");

const poolText = ({ agentPool, serverAgent }: Agent): string => (serverAgent ? "(server)" : agentPool);

/** What an operator should look at. */
function warningText({ warning, refusal, keptDirectories }: Agent): string {
  return [warning, refusal, keptDirectories.length === 0 ? "" : `keeps ${keptCount(keptDirectories.length)}`]
    .filter((text) => text !== "")
    .join("; ");
}

/** How many programs a column names. */
const mostNamed = 3;

/** `tofu 1.12.6, terraform 1.11.4`, and `+` if it downloads others; `?` if it has not said. */
export function enginesText({ engines }: Agent, most = mostNamed): string {
  if (engines === undefined) return "?";
  const named = engines.programs.map(programText);
  const more = named.length > most ? [`${named.length - most} more`] : [];
  return [...named.slice(0, most), ...more, ...(engines.downloads.length > 0 ? ["+"] : [])].join(", ") || "none";
}

const programText = ({ engine, version }: EngineProgram): string => `${enumText(Engine, engine)} ${version}`;

/** What it has, and where it would take others from. */
const engineLines = ({ engines }: Agent): readonly (readonly [string, string])[] =>
  engines === undefined
    ? [["Engines", "it has not said"]]
    : [
        ["Engines", engines.programs.map(programText).join(", ") || "none"],
        ["Downloads", engines.downloads.map((one) => `${enumText(Engine, one.engine)} from ${one.source}`).join(", ")],
      ];
/** Empty if it has not said. */
export const freeDiskText = ({ freeDiskBytes }: Agent): string =>
  freeDiskBytes === 0n ? "" : shownSize(Number(freeDiskBytes));

export const agentColumns: readonly Column<Agent>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "POOL", drop: 5, value: poolText },
  { name: "STATUS", isStatus: true, value: agentStatusText },
  { name: "JOBS", drop: 4, value: ({ jobIds, concurrency }) => `${jobIds.length}/${concurrency}` },
  { name: "ENGINES", drop: 2, value: (agent) => enginesText(agent) },
  { name: "VERSION", drop: 1, value: ({ version }) => version },
  { name: "UPDATE", value: updateText },
  { name: "LAST SEEN", drop: 3, value: ({ lastSeenTime }, now) => ageText(lastSeenTime, now) },
  { name: "WARNING", value: warningText },
  { name: "REASON", isWide: true, value: ({ reason }) => reason },
  { name: "ADDRESS", isWide: true, value: ({ address }) => address },
  { name: "SYSTEM", isWide: true, value: ({ os, arch }) => `${os}/${arch}` },
  { name: "FREE DISK", isWide: true, value: freeDiskText },
  { name: "SANDBOX", isWide: true, value: ({ sandbox }) => sandbox },
  { name: "LABELS", isWide: true, value: labelsText },
  { name: "CONNECTED TO", isWide: true, value: ({ connectedTo }) => connectedTo },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** `switching to 1.4.2`; empty if nothing is to be done. */
export function updateText({ update }: Agent): string {
  if (update === undefined || update.targetVersion === "") return "";
  const { state, targetVersion, reason } = update;
  const words: Readonly<Record<number, string>> = {
    [AgentUpdateState.DOWNLOADING]: "downloading",
    [AgentUpdateState.READY]: "ready for",
    [AgentUpdateState.SWITCHING]: "switching to",
    [AgentUpdateState.ROLLED_BACK]: "rolled back from",
    [AgentUpdateState.REFUSED]: "refuses",
  };
  const word = words[state];
  if (word === undefined) return "";
  return `${word} ${targetVersion}${reason === "" ? "" : ` (${reason.toLowerCase().replaceAll("_", " ")})`}`;
}

/** An agent for a person. */
export const agentLines = (one: Agent): readonly string[] =>
  detailLines([
    ["Name", one.name],
    ["Id", one.id],
    ["Pool", one.serverAgent ? "none: it is the server's own agent" : one.agentPool],
    ["Organization", one.organization],
    ["Status", agentStatusText(one)],
    ["Reason", one.reason],
    ["Warning", [one.warning, one.refusal].filter((text) => text !== "").join("; ")],
    ["Jobs", `${one.jobIds.length} of ${one.concurrency} at once`],
    ["Runs", one.runIds.join(", ")],
    ["Doing", one.doing.join("; ")],
    ["Version", one.version],
    ["Update", [updateText(one), one.update?.detail ?? ""].filter((text) => text !== "").join(": ")],
    ["System", `${one.os}/${one.arch}`],
    ["Sandbox", one.sandbox],
    ...engineLines(one),
    ["Free disk", freeDiskText(one)],
    ["Labels", labelsText(one)],
    ["Address", one.address],
    ["Connected to", one.connectedTo],
    ["Token", one.agentTokenId],
    ["Registered", timeText(one.createTime)],
    ["Last seen", timeText(one.lastSeenTime)],
    ...keptLines(one),
  ]);

/** `vm-7 of pool prod: busy, 1/2 jobs`. */
export const agentLine = (one: Agent): string =>
  `${one.name} of ${one.serverAgent ? "the server" : `pool ${one.agentPool}`}: ${agentStatusText(one)}, ${one.jobIds.length} of ${counted(one.concurrency, "job")}`;

/** `job/job_…`. */
export const agentJobName = ({ jobId }: AgentJob): string => `job/${jobId}`;

export const agentJobColumns: readonly Column<AgentJob>[] = [
  { name: "RUN", value: ({ runId }) => runId },
  { name: "WORKSPACE", drop: 3, value: ({ workspace }) => workspace },
  { name: "PHASE", drop: 4, value: ({ phase }) => enumText(RunPhase, phase) },
  { name: "STATUS", isStatus: true, value: ({ status }) => enumText(JobStatus, status) },
  { name: "STARTED", drop: 1, value: ({ startTime }, now) => ageText(startTime, now) },
  { name: "TOOK", drop: 2, value: ({ startTime, endTime }) => spanBetween(startTime, endTime) },
  { name: "ERROR", value: ({ errorMessage }) => errorMessage },
  { name: "JOB", isWide: true, value: ({ jobId }) => jobId },
];
