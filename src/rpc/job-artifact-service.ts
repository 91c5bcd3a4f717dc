import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  admitPlan,
  admitState,
  configurationOfJob,
  planOfJob,
  stateOfJob,
  storePlan,
  storeState,
} from "../control/artifacts.ts";
import type { Control } from "../control/control.ts";
import { variablesOfJob } from "../control/job-inputs.ts";
import { sharedStatesOfJob } from "../control/shared-states.ts";
import type { Principal } from "../domain/principal.ts";
import type {
  DownloadConfigurationResponseSchema,
  DownloadPlanResponseSchema,
  DownloadStateResponseSchema,
  JobArtifactService,
  ListSharedStatesResponseSchema,
  UploadPlanHeader,
  UploadPlanRequest,
  UploadStateHeader,
  UploadStateRequest,
} from "../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { WindlassError } from "../lib/errors.ts";
import { callerOf } from "./caller.ts";

/** One upload of a kind at a time for each job: what is collected in memory is bounded by the jobs that run. */
class UploadTurns {
  readonly #taken = new Set<string>();

  take(who: Principal, kind: "plan" | "state"): Disposable {
    const key = who.kind === "job" ? `${who.jobId}/${kind}` : kind;
    if (this.#taken.has(key)) {
      throw new WindlassError(
        "storage_unavailable",
        `another upload of this job's ${kind} is on its way: wait for its end`,
        {
          retryAfterMs: 1_000,
        },
      );
    }
    this.#taken.add(key);
    return { [Symbol.dispose]: () => void this.#taken.delete(key) };
  }
}

/** Carries what is too large for the session, for one job. */
export const jobArtifactService = (
  control: Control,
  turns = new UploadTurns(),
): ServiceImpl<typeof JobArtifactService> => ({
  getVariables: async (_request, context) => {
    const variables = await variablesOfJob(control, callerOf(context));
    return {
      variables: variables.map(({ key, value, isEnvironment, isHcl, isSensitive }) => ({
        key,
        value,
        environment: isEnvironment,
        hcl: isHcl,
        sensitive: isSensitive,
      })),
    };
  },
  async *downloadConfiguration(
    _request,
    context,
  ): AsyncGenerator<MessageInitShape<typeof DownloadConfigurationResponseSchema>> {
    for await (const chunk of configurationOfJob(control, callerOf(context))) yield { chunk };
  },
  async *downloadPlan(_request, context): AsyncGenerator<MessageInitShape<typeof DownloadPlanResponseSchema>> {
    for await (const chunk of planOfJob(control, callerOf(context))) yield { chunk };
  },
  async *downloadState(_request, context): AsyncGenerator<MessageInitShape<typeof DownloadStateResponseSchema>> {
    for await (const chunk of stateOfJob(control, callerOf(context))) yield { chunk };
  },
  async *listSharedStates(_request, context): AsyncGenerator<MessageInitShape<typeof ListSharedStatesResponseSchema>> {
    for await (const { workspace, ...shared } of sharedStatesOfJob(control, callerOf(context))) {
      yield shared.kind === "readable" ? { workspace, state: shared.state } : { workspace, problem: shared.problem };
    }
  },
  uploadPlan: async (requests, context) => {
    await admitPlan(control, callerOf(context));
    using _turn = turns.take(callerOf(context), "plan");
    const { header, plan, summary } = await collectPlan(control, requests);
    await storePlan(control, callerOf(context), { plan, planSha256: header.planSha256, summary });
    return {};
  },
  uploadState: async (requests, context) => {
    await admitState(control, callerOf(context));
    using _turn = turns.take(callerOf(context), "state");
    const { header, bytes } = await collectState(control, requests);
    const { lineage, serial, sha256 } = header;
    const stored = await storeState(control, callerOf(context), { bytes, lineage, serial: Number(serial), sha256 });
    return {
      stateVersionId: stored.id,
      quarantined: stored.status === "quarantined",
      quarantineReason: stored.quarantineReason,
    };
  },
});

/** Collects pieces up to what the header announced, and no further. */
class Intake {
  readonly #announced: number;
  readonly #what: string;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(what: string, announced: bigint, maxBytes: number) {
    if (announced > BigInt(maxBytes)) {
      throw new WindlassError(
        "upload_too_large",
        `the ${what} has ${announced} bytes: at most ${maxBytes} are accepted`,
        {
          metadata: { limit_bytes: String(maxBytes) },
        },
      );
    }
    this.#announced = Number(announced);
    this.#what = what;
  }

  take(piece: Uint8Array): void {
    this.#size += piece.length;
    if (this.#size > this.#announced) throw this.#wrongSize("more");
    this.#pieces.push(piece);
  }

  whole(): Uint8Array {
    if (this.#size < this.#announced) throw this.#wrongSize(`${this.#size}`);
    return Buffer.concat(this.#pieces);
  }

  #wrongSize(got: string): WindlassError {
    return new WindlassError(
      "checksum_mismatch",
      `${this.#announced} bytes of ${this.#what} were announced and ${got} came: upload it again`,
    );
  }
}

const headerFirst = (): WindlassError =>
  new WindlassError("validation", "an upload starts with its header, exactly once", {
    fields: [{ field: "header", description: "expected first, once" }],
  });

async function collectPlan(
  { limits }: Control,
  requests: AsyncIterable<UploadPlanRequest>,
): Promise<{ header: UploadPlanHeader; plan: Uint8Array; summary: Uint8Array }> {
  let open: { readonly header: UploadPlanHeader; readonly plan: Intake; readonly summary: Intake } | undefined;
  for await (const { part } of requests) {
    if (part.case === "header") {
      if (open !== undefined) throw headerFirst();
      const header = part.value;
      open = {
        header,
        plan: new Intake("plan", header.planSizeBytes, limits.maxPlanBytes),
        summary: new Intake("plan summary", header.summarySizeBytes, limits.maxPlanBytes),
      };
    } else if (open === undefined) throw headerFirst();
    else if (part.case === "planChunk") open.plan.take(part.value);
    else if (part.case === "summaryChunk") open.summary.take(part.value);
  }
  if (open === undefined) throw headerFirst();
  return { header: open.header, plan: open.plan.whole(), summary: open.summary.whole() };
}

async function collectState(
  { limits }: Control,
  requests: AsyncIterable<UploadStateRequest>,
): Promise<{ header: UploadStateHeader; bytes: Uint8Array }> {
  let open: { readonly header: UploadStateHeader; readonly state: Intake } | undefined;
  for await (const { part } of requests) {
    if (part.case === "header") {
      if (open !== undefined) throw headerFirst();
      open = { header: part.value, state: new Intake("state", part.value.sizeBytes, limits.maxStateBytes) };
    } else if (open === undefined) throw headerFirst();
    else if (part.case === "chunk") open.state.take(part.value);
  }
  if (open === undefined) throw headerFirst();
  return { header: open.header, bytes: open.state.whole() };
}
