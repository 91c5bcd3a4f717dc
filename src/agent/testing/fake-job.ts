import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { JobResult } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import {
  type JobVariable,
  JobVariableSchema,
  type ListSharedStatesResponseSchema,
  type UploadPlanRequest,
  type UploadStateHeader,
  type UploadStateRequest,
} from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import {
  ArtifactInfoSchema,
  DesiredState,
  type JobClaim,
  JobPhase,
  type JobSpec,
  JobSpecSchema,
  StateInfoSchema,
} from "../../gen/windlass/agent/v1/job_pb.ts";
import { newClaim } from "../claim.ts";

export interface FakeJobOptions {
  readonly id: string;
  readonly runId: string;
  readonly epoch?: bigint;
  readonly configuration: Uint8Array;
  /** Given for an apply. */
  readonly plan?: Uint8Array;
  readonly state?: { readonly content: Uint8Array; readonly lineage: string; readonly serial: number };
  readonly variables?: readonly MessageInitShape<typeof JobVariableSchema>[];
  /** What other workspaces let it read. */
  readonly shared?: readonly MessageInitShape<typeof ListSharedStatesResponseSchema>[];
  readonly spec?: MessageInitShape<typeof JobSpecSchema>;
}

export interface UploadedState {
  readonly header: UploadStateHeader;
  readonly content: Buffer;
}

/** A job of the fake control plane: what it gives to the agent, and what the agent has sent of it. */
export class FakeJob {
  readonly spec: JobSpec;
  readonly claim: JobClaim;
  readonly configuration: Uint8Array;
  readonly plan: Uint8Array;
  readonly state: Uint8Array;
  readonly variables: readonly JobVariable[];
  readonly shared: NonNullable<FakeJobOptions["shared"]>;
  readonly states: UploadedState[] = [];
  desired: DesiredState = DesiredState.RUN;
  isGrantable = true;
  /** Why a state is kept aside, if it is. */
  quarantineReasonOf: (header: UploadStateHeader) => string = () => "";
  /** Start requests get no answer while true. */
  isUndecided = false;
  grants = 0;
  isSealed = false;
  log: Buffer = Buffer.alloc(0);
  result: JobResult | undefined;
  uploadedPlan: { readonly plan: Buffer; readonly summary: string } | undefined;

  constructor(options: FakeJobOptions) {
    const { id, runId, epoch = 1n, configuration, plan, state, variables = [], shared = [], spec } = options;
    const stateInfo = state === undefined ? {} : { lineage: state.lineage, serial: BigInt(state.serial) };
    this.spec = create(JobSpecSchema, {
      claim: newClaim(id, epoch),
      runId,
      phase: plan === undefined ? JobPhase.PLAN : JobPhase.APPLY,
      organization: "acme",
      workspace: "prod",
      jobToken: `wdl_job_${id}_${epoch}`,
      configuration: infoOf(configuration),
      ...(plan === undefined ? {} : { plan: infoOf(plan) }),
      ...(state === undefined ? {} : { state: create(StateInfoSchema, { ...digest(state.content), ...stateInfo }) }),
      ...spec,
    });
    if (this.spec.claim === undefined) throw new Error("a job has a claim");
    this.claim = this.spec.claim;
    this.configuration = configuration;
    this.plan = plan ?? new Uint8Array();
    this.state = state?.content ?? new Uint8Array();
    this.shared = shared;
    this.variables = variables.map((variable) => create(JobVariableSchema, variable));
  }

  get logText(): string {
    return this.log.toString("utf8");
  }

  /** Appends what is new, as the real log store does. */
  appendLog(offset: number, chunk: Uint8Array): void {
    this.log = Buffer.concat([this.log, chunk.subarray(Math.max(0, this.log.length - offset))]);
  }

  async takePlan(parts: AsyncIterable<UploadPlanRequest>): Promise<void> {
    const plan: Uint8Array[] = [];
    const summary: Uint8Array[] = [];
    for await (const { part } of parts) {
      if (part.case === "planChunk") plan.push(part.value);
      if (part.case === "summaryChunk") summary.push(part.value);
    }
    this.uploadedPlan = { plan: Buffer.concat(plan), summary: Buffer.concat(summary).toString("utf8") };
  }

  /** Resolves with why it is kept aside; empty when it is not. */
  async takeState(parts: AsyncIterable<UploadStateRequest>): Promise<string> {
    let header: UploadStateHeader | undefined;
    const chunks: Uint8Array[] = [];
    for await (const { part } of parts) {
      if (part.case === "header") header = part.value;
      if (part.case === "chunk") chunks.push(part.value);
    }
    if (header === undefined) throw new Error("a state has a header");
    this.states.push({ header, content: Buffer.concat(chunks) });
    return this.quarantineReasonOf(header);
  }
}

const digest = (bytes: Uint8Array) => ({
  sizeBytes: BigInt(bytes.length),
  sha256: createHash("sha256").update(bytes).digest("hex"),
});
const infoOf = (bytes: Uint8Array) => create(ArtifactInfoSchema, digest(bytes));
