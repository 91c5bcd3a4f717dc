import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  admitPlan,
  configurationOfJob,
  planFilesOfJob,
  planOfJob,
  stateOfJob,
  storePlan,
} from "../control/artifacts.ts";
import type { Control } from "../control/control.ts";
import { variablesOfJob } from "../control/job-inputs.ts";
import { providersOfJob } from "../control/job-providers.ts";
import { admitState, storeState } from "../control/job-states.ts";
import { sharedStatesOfJob } from "../control/shared-states.ts";
import type { Principal } from "../domain/principal.ts";
import type {
  JobArtifactService,
  ListSharedStatesResponseSchema,
  UploadStateHeader,
  UploadStateRequest,
} from "../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { WindlassError } from "../lib/errors.ts";
import { callerOf } from "./caller.ts";
import { headerFirst, type Intake } from "./intake.ts";
import { toJobProviders } from "./mapping/provider-settings.ts";
import { takePlanUpload } from "./plan-upload.ts";
import { type Announced, intakeOf, type Receiver } from "./receiver.ts";
import { Transfers } from "./transfers.ts";

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
  transfers = new Transfers(control, "storage_unavailable"),
): ServiceImpl<typeof JobArtifactService> => ({
  getVariables: async (_request, context) => {
    const { variables, hidden } = await variablesOfJob(control, callerOf(context));
    return {
      hidden: [...hidden],
      variables: variables.map(({ key, value, isEnvironment, isHcl, isSensitive }) => ({
        key,
        value,
        environment: isEnvironment,
        hcl: isHcl,
        sensitive: isSensitive,
      })),
    };
  },
  getProviders: async (_request, context) => toJobProviders(await providersOfJob(control, callerOf(context))),
  downloadConfiguration: (_request, context) =>
    transfers.download(context, configurationOfJob(control, callerOf(context))),
  downloadPlan: (_request, context) => transfers.download(context, planOfJob(control, callerOf(context))),
  downloadPlanFiles: (_request, context) => transfers.download(context, planFilesOfJob(control, callerOf(context))),
  downloadState: (_request, context) => transfers.download(context, stateOfJob(control, callerOf(context))),
  async *listSharedStates(_request, context): AsyncGenerator<MessageInitShape<typeof ListSharedStatesResponseSchema>> {
    for await (const { workspace, ...shared } of sharedStatesOfJob(control, callerOf(context))) {
      yield shared.kind === "readable" ? { workspace, state: shared.state } : { workspace, problem: shared.problem };
    }
  },
  uploadPlan: async (requests, context) => {
    await admitPlan(control, callerOf(context));
    using _turn = turns.take(callerOf(context), "plan");
    using held = new DisposableStack();
    const receiver: Receiver = { control, transfers, context, held };
    const into = { limits: control.limits, intakeOf: (part: Announced) => intakeOf(receiver, part) };
    await takePlanUpload(into, requests, (plan) => storePlan(control, callerOf(context), plan));
    return {};
  },
  uploadState: async (requests, context) => {
    await admitState(control, callerOf(context));
    using _turn = turns.take(callerOf(context), "state");
    using held = new DisposableStack();
    const { header, bytes } = await collectState({ control, transfers, context, held }, requests);
    const { lineage, sha256, isLast: isFinal } = header;
    const numbers = { serial: Number(header.serial), sequence: Number(header.sequence) };
    const asideReason = header.asideReason === "" ? undefined : header.asideReason;
    const uploaded = { bytes, lineage, sha256, isFinal, asideReason, ...numbers };
    const stored = await storeState(control, callerOf(context), uploaded);
    return {
      stateVersionId: stored.id,
      quarantined: stored.status === "quarantined",
      quarantineReason: stored.quarantineReason,
    };
  },
});

async function collectState(
  receiver: Receiver,
  requests: AsyncIterable<UploadStateRequest>,
): Promise<{ header: UploadStateHeader; bytes: Uint8Array }> {
  const { maxStateBytes } = receiver.control.limits;
  let open: { readonly header: UploadStateHeader; readonly state: Intake } | undefined;
  for await (const { part } of requests) {
    if (part.case === "header") {
      if (open !== undefined) throw headerFirst();
      open = {
        header: part.value,
        state: intakeOf(receiver, { what: "state", announced: part.value.sizeBytes, maxBytes: maxStateBytes }),
      };
    } else if (open === undefined) throw headerFirst();
    else if (part.case === "chunk") await open.state.take(part.value);
  }
  if (open === undefined) throw headerFirst();
  return { header: open.header, bytes: open.state.whole() };
}
