import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AgentGatewayService,
  type SessionRequestSchema,
} from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import {
  JobArtifactService,
  type UploadPlanRequestSchema,
  type UploadStateRequestSchema,
} from "../../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { sha256 } from "../../support/control.ts";
import { type Row, row } from "../row.ts";

const { method: gateway } = AgentGatewayService;
const { method: artifacts } = JobArtifactService;
const plans = ["token of a plan", "token of a plan of the sibling pool"] as const;
const jobs = { admits: [...plans, "token of an apply"], request: () => ({}) } as const;
const state = JSON.stringify({ version: 4, terraform_version: "1.11.4", serial: 9, lineage: "lineage-1" });
const content = (bytes: string) => ({ sha256: sha256(bytes), sizeBytes: BigInt(bytes.length) });

export const agentRows: readonly Row[] = [
  row(gateway.register, {
    admits: ["agent token", "agent token of the sibling pool", "server agent"],
    request: () => ({
      ...{ incarnation: systemRandom.uuid(), bootId: systemRandom.uuid(), name: "vm-1", version: "0.1.0" },
      ...{ minimumProtocol: 1, maximumProtocol: 1, os: "linux", arch: "x64", concurrency: 1, sandbox: "none" },
    }),
  }),
  row(gateway.session, {
    admits: ["agent session", "agent session of the sibling pool"],
    request: ({ agent: { incarnation, bootId } }): MessageInitShape<typeof SessionRequestSchema>[] => [
      { message: { case: "hello", value: { incarnation, bootId } } },
    ],
  }),
  row(gateway.getAgentManifest, {
    ...{ admits: ["agent session", "agent session of the sibling pool"], outcome: "NOT_FOUND" },
    request: () => ({}),
  }),
  row(gateway.downloadAgentRelease, {
    ...{ admits: ["agent session", "agent session of the sibling pool"], outcome: "NOT_FOUND" },
    request: () => ({ file: "windlass-agent-1.0.0-linux-x64.tar.gz" }),
  }),
  row(artifacts.getVariables, jobs),
  row(artifacts.getProviders, jobs),
  row(artifacts.downloadConfiguration, jobs),
  row(artifacts.downloadPlan, { ...jobs, outcome: "NOT_FOUND", except: { "token of an apply": "OK" } }),
  row(artifacts.downloadPlanFiles, { ...jobs, outcome: "NOT_FOUND", except: { "token of an apply": "OK" } }),
  row(artifacts.downloadState, jobs),
  row(artifacts.listSharedStates, jobs),
  row(artifacts.uploadPart, { ...jobs, request: () => ({ ...content("part"), chunk: Buffer.from("part") }) }),
  row(artifacts.uploadPlan, {
    ...{ ...jobs, admits: plans },
    request: (): MessageInitShape<typeof UploadPlanRequestSchema>[] => [
      {
        part: {
          case: "header",
          value: { planSizeBytes: 4n, planSha256: sha256("plan") },
        },
      },
      { part: { case: "planChunk", value: Buffer.from("plan") } },
      { part: { case: "summary", value: {} } },
    ],
  }),
  row(artifacts.uploadState, {
    ...{ ...jobs, admits: ["token of an apply"] },
    request: (): MessageInitShape<typeof UploadStateRequestSchema>[] => [
      { part: { case: "header", value: { lineage: "lineage-1", serial: 9n, ...content(state) } } },
      { part: { case: "chunk", value: Buffer.from(state) } },
    ],
  }),
];
