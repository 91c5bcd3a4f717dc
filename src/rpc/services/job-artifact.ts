import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { ownerOf, type ReadUploaded, withUploaded } from "../../control/core/uploads.ts";
import {
  admitPlan,
  configurationOfJob,
  isPlanKnown,
  isSummaryKnown,
  planFilesOfJob,
  planOfJob,
  stateOfJob,
  storeLateSummary,
  storePlan,
} from "../../control/jobs/artifacts.ts";
import { variablesOfJob } from "../../control/jobs/inputs.ts";
import { providersOfJob } from "../../control/jobs/providers.ts";
import { sharedStatesOfJob } from "../../control/jobs/shared-states.ts";
import { admitState } from "../../control/jobs/states.ts";
import { toJobProviders, toJobVariables, toSharedState } from "../../control/jobs/told-inputs.ts";
import { takeJobPart } from "../../control/jobs/uploads.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type {
  DownloadPlanRequest,
  JobArtifactService,
  ListSharedStatesResponseSchema,
} from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { type PlanReceiver, takePlanUpload } from "../streams/plan-upload.ts";
import { type Announced, intakeOf, type Receiver } from "../streams/receiver.ts";
import { takeStateUpload } from "../streams/state-upload.ts";
import { Transfers } from "../streams/transfers.ts";
import { UploadTurns } from "../streams/upload-turns.ts";

/** Which bytes of an object are asked for. */
type Range = Pick<DownloadPlanRequest, "offset" | "maxBytes">;

/** Carries what is too large for the session, for one job. */
export const jobArtifactService = (
  control: Control,
  turns = new UploadTurns(control.clock),
  transfers = new Transfers(control, "storage_unavailable"),
): ServiceImpl<typeof JobArtifactService> => {
  const ranged =
    (of: (control: Control, who: Principal, from: number) => AsyncIterable<Uint8Array>) =>
    ({ offset, maxBytes }: Range, context: HandlerContext) =>
      transfers.download(context, of(control, callerOf(context), Number(offset)), maxBytes);
  return {
    getVariables: async (_request, context) => toJobVariables(await variablesOfJob(control, callerOf(context))),
    getProviders: async (_request, context) => toJobProviders(await providersOfJob(control, callerOf(context))),
    downloadConfiguration: ranged(configurationOfJob),
    downloadPlan: ranged(planOfJob),
    downloadPlanFiles: ranged(planFilesOfJob),
    downloadState: ranged(stateOfJob),
    async *listSharedStates(
      _request,
      context,
    ): AsyncGenerator<MessageInitShape<typeof ListSharedStatesResponseSchema>> {
      for await (const shared of sharedStatesOfJob(control, callerOf(context))) yield toSharedState(shared);
    },
    uploadPart: async ({ sha256, sizeBytes, offset, chunk }, context) => {
      const part = { sha256, bytes: Number(sizeBytes), offset: Number(offset), chunk };
      return { nextOffset: BigInt(await takeJobPart(control, callerOf(context), part)) };
    },
    uploadPlan: async (requests, context) => {
      const who = callerOf(context);
      await admitPlan(control, who);
      using _turn = await turns.take(who, "plan", context.signal);
      using held = new DisposableStack();
      const receiver: Receiver = { control, transfers, context, held };
      await withUploaded(control, ownerOf(who), async (read) => {
        const into: PlanReceiver = {
          limits: control.limits,
          intakeOf: (part: Announced) => intakeOf(receiver, part),
          read,
          isKnown: (plan) =>
            plan.summaryOnly ? isSummaryKnown(control, who, plan.planSha256) : isPlanKnown(control, who, plan),
        };
        await takePlanUpload(into, requests, {
          plan: (plan) => storePlan(control, who, plan),
          summary: (summary) => storeLateSummary(control, who, summary),
        });
      });
      return {};
    },
    uploadState: async (requests, context) => {
      const who = callerOf(context);
      await admitState(control, who);
      using _turn = await turns.take(who, "state", context.signal);
      using held = new DisposableStack();
      const receiver: Receiver = { control, transfers, context, held };
      const take = (read: ReadUploaded) => takeStateUpload(receiver, requests, read);
      const stored = await withUploaded(control, ownerOf(who), take);
      return {
        stateVersionId: stored.id,
        quarantined: stored.status === "quarantined",
        quarantineReason: stored.quarantineReason,
      };
    },
  };
};
