import { createHash } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { JobResult } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type {
  JobVariableSchema,
  UploadPlanHeader,
  UploadStateHeader,
} from "../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import {
  ArtifactInfoSchema,
  DesiredState,
  JobClaimSchema,
  JobPhase,
  type JobSpec,
  JobSpecSchema,
  type StateInfo,
  StateInfoSchema,
} from "../../src/gen/windlass/agent/v1/job_pb.ts";

import { systemRandom } from "../../src/lib/random.ts";
import { mintToken } from "../../src/lib/words/tokens.ts";

export interface JobParts {
  /** Also what its executions call themselves. */
  readonly id: string;
  readonly epoch?: bigint | undefined;
  readonly configuration: Uint8Array;
  /** Given for an apply. */
  readonly plan?: Uint8Array | undefined;
  readonly state?: Uint8Array | undefined;
  readonly variables?: readonly MessageInitShape<typeof JobVariableSchema>[] | undefined;
  readonly spec?: MessageInitShape<typeof JobSpecSchema> | undefined;
}

export interface Uploaded<Header> {
  readonly header: Header;
  readonly bytes: Buffer;
}

/** One claim on a job: what it gives to the agent, and what the agent has sent of it. */
export class OfferedJob {
  readonly id: string;
  readonly spec: JobSpec;
  readonly parts: JobParts;
  readonly plans: Uploaded<UploadPlanHeader>[] = [];
  readonly states: Uploaded<UploadStateHeader>[] = [];
  /** What has come in parts, by SHA-256. */
  readonly inParts = new Map<string, Buffer>();
  desired: DesiredState = DesiredState.RUN;
  log: Buffer = Buffer.alloc(0);
  /** Whether the plane takes no more of its log. */
  isLogClosed = false;
  isGranted = false;
  isSealed = false;
  result: JobResult | undefined;

  constructor(parts: JobParts) {
    const { id, epoch = 1n, configuration, plan, state, spec } = parts;
    this.id = id;
    this.parts = parts;
    this.spec = create(JobSpecSchema, {
      claim: create(JobClaimSchema, { jobId: id, epoch }),
      runId: `run_${id}`,
      phase: plan === undefined ? JobPhase.PLAN : JobPhase.APPLY,
      organization: "conformance",
      workspaceId: "ws_conformance",
      workspace: "checked",
      createdBy: "conformance",
      jobToken: mintToken("job", systemRandom),
      configuration: digestOf(configuration),
      ...(plan === undefined ? {} : { plan: digestOf(plan) }),
      ...(state === undefined ? {} : { state: stateInfoOf(state) }),
      ...spec,
    });
  }

  get claim(): { readonly jobId: string; readonly epoch: bigint } {
    return { jobId: this.id, epoch: this.parts.epoch ?? 1n };
  }

  get logText(): string {
    return this.log.toString("utf8");
  }

  /** Whether a result tells the truth of the log as it was taken. */
  isWhole({ logBytes, logSha256 }: JobResult): boolean {
    return logBytes === BigInt(this.log.length) && logSha256 === sha256(this.log);
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const digestOf = (bytes: Uint8Array) =>
  create(ArtifactInfoSchema, { sizeBytes: BigInt(bytes.length), sha256: sha256(bytes) });

function stateInfoOf(state: Uint8Array): StateInfo {
  const { lineage, serial } = JSON.parse(Buffer.from(state).toString("utf8")) as { lineage: string; serial: number };
  const { sizeBytes, sha256 } = digestOf(state);
  return create(StateInfoSchema, { lineage, serial: BigInt(serial), sizeBytes, sha256 });
}
