import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { newClaim } from "../../../src/agent/contract/claim.ts";
import type { JobResult } from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import {
  type GetProvidersResponseSchema,
  type JobVariable,
  JobVariableSchema,
  type ListSharedStatesResponseSchema,
  type UploadPlanHeader,
  type UploadPlanRequest,
  type UploadStateHeader,
  type UploadStateRequest,
} from "../../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import {
  ArtifactInfoSchema,
  DesiredState,
  type JobClaim,
  JobPhase,
  type JobSpec,
  JobSpecSchema,
  StateInfoSchema,
} from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { type PlanSummary, PlanSummarySchema } from "../../../src/gen/windlass/agent/v1/plan_pb.ts";

export interface FakeJobOptions {
  readonly id: string;
  readonly runId: string;
  readonly epoch?: bigint;
  readonly configuration: Uint8Array;
  /** Given for an apply. */
  readonly plan?: Uint8Array;
  /** The archive of the files that the plan made. */
  readonly planFiles?: Uint8Array;
  readonly state?: { readonly content: Uint8Array; readonly lineage: string; readonly serial: number };
  readonly variables?: readonly MessageInitShape<typeof JobVariableSchema>[];
  /** What it must hide beside its variables. */
  readonly hidden?: readonly string[];
  /** What other workspaces let it read. */
  readonly shared?: readonly MessageInitShape<typeof ListSharedStatesResponseSchema>[];
  /** Where it takes providers from; nothing is said if absent. */
  readonly providers?: MessageInitShape<typeof GetProvidersResponseSchema>;
  readonly spec?: MessageInitShape<typeof JobSpecSchema>;
}

export interface UploadedPlan {
  readonly header: UploadPlanHeader;
  readonly plan: Buffer;
  /** Its parts as JSON, each in a line. */
  readonly summary: string;
  readonly files: Buffer;
  /** Empty if none came. */
  readonly documents: { readonly planJson: string; readonly redactedJson: string };
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
  readonly planFiles: Uint8Array;
  readonly state: Uint8Array;
  readonly variables: readonly JobVariable[];
  readonly hidden: readonly string[];
  readonly shared: NonNullable<FakeJobOptions["shared"]>;
  /** What is said of where it takes providers from. */
  providers: NonNullable<FakeJobOptions["providers"]>;
  /** Answers to the next questions where it takes them from. */
  readonly providersRefusals: ConnectError[] = [];
  readonly states: UploadedState[] = [];
  desired: DesiredState = DesiredState.RUN;
  isGrantable = true;
  /** Why a state is kept aside, if it is. */
  quarantineReasonOf: (header: UploadStateHeader) => string = () => "";
  /** Its grant brings what it is given. */
  isGivenAtOnce = false;
  /** What its offer brings of its state. */
  offeredState: Uint8Array = new Uint8Array(0);
  /** Start requests get no answer while true. */
  isUndecided = false;
  /** Uploads of its plan fail while true, as if the control plane was away. */
  uploadsAreRefused = false;
  /** The same of a summary that follows its plan. */
  isSummaryRefused = false;
  grants = 0;
  isSealed = false;
  log: Buffer = Buffer.alloc(0);
  result: JobResult | undefined;
  uploadedPlan: UploadedPlan | undefined;
  /** What was here already when a summary came by itself. */
  summaryCameTo: "a plan" | "a result" | undefined;

  get givenVariables() {
    return { variables: [...this.variables], hidden: [...this.hidden] };
  }

  constructor(options: FakeJobOptions) {
    const {
      id,
      runId,
      epoch = 1n,
      configuration,
      plan,
      planFiles,
      state,
      variables = [],
      hidden = [],
      shared = [],
      providers = {},
      spec,
    } = options;
    const stateInfo = state === undefined ? {} : { lineage: state.lineage, serial: BigInt(state.serial) };
    this.spec = create(JobSpecSchema, {
      claim: newClaim(id, epoch),
      runId,
      phase: plan === undefined ? JobPhase.PLAN : JobPhase.APPLY,
      organization: "acme",
      workspace: "prod",
      jobToken: `wdl_job_${id}_${epoch}`,
      configuration: infoOf(configuration),
      ...(plan === undefined ? { planFiles: taken } : { plan: infoOf(plan) }),
      ...(planFiles === undefined ? {} : { planFiles: infoOf(planFiles) }),
      ...(state === undefined ? {} : { state: create(StateInfoSchema, { ...digest(state.content), ...stateInfo }) }),
      ...spec,
    });
    if (this.spec.claim === undefined) throw new Error("a job has a claim");
    this.claim = this.spec.claim;
    this.configuration = configuration;
    this.plan = plan ?? new Uint8Array();
    this.planFiles = planFiles ?? new Uint8Array();
    this.state = state?.content ?? new Uint8Array();
    this.shared = shared;
    this.providers = providers;
    this.hidden = hidden;
    this.variables = variables.map((variable) => create(JobVariableSchema, variable));
  }

  get logText(): string {
    return this.log.toString("utf8");
  }

  /** Appends what is new, as the real log store does. */
  appendLog(offset: number, chunk: Uint8Array): void {
    this.log = Buffer.concat([this.log, chunk.subarray(Math.max(0, this.log.length - offset))]);
  }

  giveProviders(): NonNullable<FakeJobOptions["providers"]> {
    const refusal = this.providersRefusals.shift();
    if (refusal !== undefined) throw refusal;
    return this.providers;
  }

  async takePlan(parts: AsyncIterable<UploadPlanRequest>): Promise<void> {
    if (this.uploadsAreRefused) throw new ConnectError("refused by the test", Code.Unavailable);
    const plan: Uint8Array[] = [];
    const summary: PlanSummary[] = [];
    const files: Uint8Array[] = [];
    let header: UploadPlanHeader | undefined;
    let documents = { planJson: "", redactedJson: "" };
    for await (const { part } of parts) {
      if (part.case === "header") header = part.value;
      if (part.case === "documents")
        documents = { planJson: unpacked(part.value.planJson), redactedJson: unpacked(part.value.redactedJson) };
      if (part.case === "planChunk") plan.push(part.value);
      if (part.case === "summary") summary.push(part.value);
      if (part.case === "filesChunk") files.push(part.value);
    }
    const made = { plan: Buffer.concat(plan), files: Buffer.concat(files) };
    if (header === undefined) throw new Error("a plan has a header");
    if (header.summaryOnly && this.isSummaryRefused) throw new ConnectError("refused by the test", Code.Unavailable);
    const told = { documents, summary: summary.map((part) => toJsonString(PlanSummarySchema, part)).join("\n") };
    if (!header.summaryOnly) this.uploadedPlan = { ...made, ...told, header };
    else if (this.uploadedPlan?.header.planSha256 !== header.planSha256) throw new Error("its plan comes before");
    else {
      this.uploadedPlan = { ...this.uploadedPlan, ...told };
      this.summaryCameTo = this.result === undefined ? "a plan" : "a result";
    }
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

const unpacked = (packed: Uint8Array): string => (packed.length === 0 ? "" : gunzipSync(packed).toString());

/** How much of the files of a plan is taken. */
const taken = create(ArtifactInfoSchema, { sizeBytes: 1_000_000n });

const digest = (bytes: Uint8Array) => ({
  sizeBytes: BigInt(bytes.length),
  sha256: createHash("sha256").update(bytes).digest("hex"),
});
const infoOf = (bytes: Uint8Array) => create(ArtifactInfoSchema, digest(bytes));
