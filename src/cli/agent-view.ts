import { type Agent, type AgentJob, AgentStatus } from "../gen/windlass/v1/agent_pb.ts";
import { JobStatus, RunPhase } from "../gen/windlass/v1/run_pb.ts";
import { ageText, spanBetween, timeText } from "./ages.ts";
import { type Column, detailLines } from "./table.ts";
import { enumText } from "./words.ts";

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

export const agentColumns: readonly Column<Agent>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "POOL", value: poolText },
  { name: "STATUS", value: agentStatusText },
  { name: "JOBS", value: ({ jobIds, concurrency }) => `${jobIds.length}/${concurrency}` },
  { name: "VERSION", value: ({ version }) => version },
  { name: "LAST SEEN", value: ({ lastSeenTime }, now) => ageText(lastSeenTime, now) },
  { name: "WARNING", value: ({ warning }) => warning },
  { name: "REASON", isWide: true, value: ({ reason }) => reason },
  { name: "ADDRESS", isWide: true, value: ({ address }) => address },
  { name: "SYSTEM", isWide: true, value: ({ os, arch }) => `${os}/${arch}` },
  { name: "SANDBOX", isWide: true, value: ({ sandbox }) => sandbox },
  { name: "LABELS", isWide: true, value: labelsText },
  { name: "CONNECTED TO", isWide: true, value: ({ connectedTo }) => connectedTo },
  { name: "ID", isWide: true, value: ({ id }) => id },
];

/** An agent for a person. */
export const agentLines = (one: Agent): readonly string[] =>
  detailLines([
    ["Name", one.name],
    ["Id", one.id],
    ["Pool", one.serverAgent ? "none: it is the server's own agent" : one.agentPool],
    ["Organization", one.organization],
    ["Status", agentStatusText(one)],
    ["Reason", one.reason],
    ["Warning", one.warning],
    ["Jobs", `${one.jobIds.length} of ${one.concurrency} at once`],
    ["Runs", one.runIds.join(", ")],
    ["Version", one.version],
    ["System", `${one.os}/${one.arch}`],
    ["Sandbox", one.sandbox],
    ["Labels", labelsText(one)],
    ["Address", one.address],
    ["Connected to", one.connectedTo],
    ["Token", one.agentTokenId],
    ["Registered", timeText(one.createTime)],
    ["Last seen", timeText(one.lastSeenTime)],
  ]);

/** `vm-7 of pool prod: busy, 1/2 jobs`. */
export const agentLine = (one: Agent): string =>
  `${one.name} of ${one.serverAgent ? "the server" : `pool ${one.agentPool}`}: ${agentStatusText(one)}, ${one.jobIds.length}/${one.concurrency} jobs`;

/** `job/job_…`. */
export const agentJobName = ({ jobId }: AgentJob): string => `job/${jobId}`;

export const agentJobColumns: readonly Column<AgentJob>[] = [
  { name: "RUN", value: ({ runId }) => runId },
  { name: "WORKSPACE", value: ({ workspace }) => workspace },
  { name: "PHASE", value: ({ phase }) => enumText(RunPhase, phase) },
  { name: "STATUS", value: ({ status }) => enumText(JobStatus, status) },
  { name: "STARTED", value: ({ startTime }, now) => ageText(startTime, now) },
  { name: "TOOK", value: ({ startTime, endTime }) => spanBetween(startTime, endTime) },
  { name: "ERROR", value: ({ errorMessage }) => errorMessage },
  { name: "JOB", isWide: true, value: ({ jobId }) => jobId },
];
