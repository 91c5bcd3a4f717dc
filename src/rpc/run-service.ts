import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../control/control.ts";
import { cancelRun, confirmRun, discardRun } from "../control/run-decisions.ts";
import { followLog } from "../control/run-logs.ts";
import { resolveRun } from "../control/run-resolution.ts";
import { createRun, getRun, listRuns, watchRun } from "../control/runs.ts";
import type {
  RunService,
  StreamRunLogsResponseSchema,
  WatchRunResponseSchema,
} from "../gen/windlass/v1/run_service_pb.ts";
import { callerOf } from "./caller.ts";
import { listedRunMessage, optionsOf, phaseOfRequest, resolutionOf, runMessage, statusesOf } from "./mapping/run.ts";

/** Starts, decides and follows runs. */
export const runService = (control: Control): ServiceImpl<typeof RunService> => ({
  createRun: async (request, context) => {
    const asked = {
      workspace: { organization: request.organization, name: request.workspace },
      configurationId: request.configurationVersionId,
      options: optionsOf(request.options),
      message: request.message,
      requestId: request.requestId,
    };
    return { run: runMessage(await createRun(control, callerOf(context), asked)) };
  },
  getRun: async ({ runId }, context) => ({ run: runMessage(await getRun(control, callerOf(context), runId)) }),
  listRuns: async (request, context) => {
    const filter = {
      organization: request.organization,
      workspace: request.workspace,
      statuses: statusesOf(request.states),
    };
    const page = { size: request.pageSize, token: request.pageToken };
    const { rows, nextToken } = await listRuns(control, callerOf(context), { filter, page });
    return { runs: rows.map(listedRunMessage), nextPageToken: nextToken };
  },
  confirmRun: async ({ runId, planSha256, comment }, context) => ({
    run: runMessage(await confirmRun(control, callerOf(context), { id: runId, planSha256, comment })),
  }),
  discardRun: async ({ runId, comment }, context) => ({
    run: runMessage(await discardRun(control, callerOf(context), { id: runId, comment })),
  }),
  cancelRun: async ({ runId, force, comment }, context) => ({
    run: runMessage(await cancelRun(control, callerOf(context), { id: runId, isForced: force, comment })),
  }),
  resolveRun: async ({ runId, resolution, comment }, context) => ({
    run: runMessage(
      await resolveRun(control, callerOf(context), { id: runId, resolution: resolutionOf(resolution), comment }),
    ),
  }),
  async *watchRun({ runId }, context): AsyncGenerator<MessageInitShape<typeof WatchRunResponseSchema>> {
    const views = watchRun(control, callerOf(context), { id: runId, signal: context.signal });
    for await (const view of views) yield { run: runMessage(view) };
  },
  async *streamRunLogs(
    { runId, phase, offset, follow },
    context,
  ): AsyncGenerator<MessageInitShape<typeof StreamRunLogsResponseSchema>> {
    const request = {
      runId,
      phase: phaseOfRequest(phase),
      offset: Number(offset),
      follows: follow,
      signal: context.signal,
    };
    for await (const piece of followLog(control, callerOf(context), request)) {
      yield {
        offset: BigInt(piece.offset),
        chunk: piece.bytes,
        epoch: BigInt(piece.epoch),
        end: piece.isEnd,
        missingBytes: BigInt(piece.missingBytes),
      };
    }
  },
});
