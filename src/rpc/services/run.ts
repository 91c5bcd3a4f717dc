import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { cancelRun, confirmRun, discardRun } from "../../control/runs/decisions.ts";
import { commentRun, listRunEvents, setRunUrgency } from "../../control/runs/events.ts";
import { forceExecuteRun } from "../../control/runs/force-execute.ts";
import { listLostResources, listRuns } from "../../control/runs/list.ts";
import { getRunPlan } from "../../control/runs/plan.ts";
import { resolveRun } from "../../control/runs/resolution.ts";
import { retryRun } from "../../control/runs/retry.ts";
import { checkRun, createRun, getRun, watchRun } from "../../control/runs/runs.ts";
import { LostResourceSchema, PlanSummarySchema, RunEventSchema, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import type { RunService, WatchRunResponseSchema } from "../../gen/windlass/v1/run_service_pb.ts";
import { mapItems } from "../../lib/async/streams.ts";
import { callerOf } from "../calls/caller.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { toPlan, toPlanOfChange } from "../mapping/plan.ts";
import {
  fromListRuns,
  fromPriority,
  fromResolution,
  fromRunOptions,
  sourceOf,
  toListedRun,
  toLostResource,
  toRun,
  toRunEvent,
  toWatchedRun,
} from "../mapping/run.ts";
import { withSigns } from "../streams/signs-of-life.ts";
import { type LogReads, logReads } from "./run-logs.ts";

type Service = ServiceImpl<typeof RunService>;
type WatchMessage = MessageInitShape<typeof WatchRunResponseSchema>;

/** Starts, decides and follows runs. */
export const runService = (control: Control): Service => ({
  ...changes(control),
  ...reads(control),
  ...logReads(control),
});

type Changes =
  | "createRun"
  | "retryRun"
  | "confirmRun"
  | "discardRun"
  | "cancelRun"
  | "forceExecuteRun"
  | "resolveRun"
  | "commentRun"
  | "setRunPriority";

const changes = (control: Control): Pick<Service, Changes> => ({
  createRun: async (request, context) => {
    const asked = {
      workspace: { organization: request.organization, name: request.workspace },
      configurationId: request.configurationVersionId,
      options: fromRunOptions(request.options),
      message: request.message,
      requestId: request.requestId,
      urgency: fromPriority(request.priority),
      source: sourceOf(callerOf(context), context.requestHeader),
    };
    return { run: toRun(await createRun(control, callerOf(context), asked)) };
  },
  retryRun: async ({ runId: id, message, requestId }, context) => {
    const asked = { id, message, requestId, source: sourceOf(callerOf(context), context.requestHeader) };
    return { run: toRun(await retryRun(control, callerOf(context), asked)) };
  },
  confirmRun: async ({ runId, planSha256, comment }, context) => ({
    run: toRun(await confirmRun(control, callerOf(context), { id: runId, planSha256, comment })),
  }),
  discardRun: async ({ runId, comment }, context) => ({
    run: toRun(await discardRun(control, callerOf(context), { id: runId, comment })),
  }),
  cancelRun: async ({ runId, force, comment }, context) => ({
    run: toRun(await cancelRun(control, callerOf(context), { id: runId, isForced: force, comment })),
  }),
  forceExecuteRun: async ({ runId: id, comment }, context) => ({
    run: toRun(await forceExecuteRun(control, callerOf(context), { id, comment })),
  }),
  resolveRun: async ({ runId, resolution, comment }, context) => ({
    run: toRun(
      await resolveRun(control, callerOf(context), { id: runId, resolution: fromResolution(resolution), comment }),
    ),
  }),
  commentRun: async ({ runId: id, comment }, context) => ({
    event: toRunEvent(await commentRun(control, callerOf(context), { id, comment })),
  }),
  setRunPriority: async ({ runId: id, priority }, context) => ({
    run: toRun(await setRunUrgency(control, callerOf(context), { id, urgency: fromPriority(priority) })),
  }),
});

const reads = (control: Control): Omit<Service, Changes | LogReads> => ({
  checkRun: async ({ organization, workspace: name, options, priority }, context) => {
    const asked = {
      workspace: { organization, name },
      options: fromRunOptions(options),
      urgency: fromPriority(priority),
    };
    await checkRun(control, callerOf(context), asked);
    return {};
  },
  getRun: async ({ runId }, context) => ({ run: toRun(await getRun(control, callerOf(context), runId)) }),
  getRunPlan: async (request, context) => {
    const { changes, ...plan } = await getRunPlan(control, callerOf(context), {
      id: request.runId,
      page: fromPage(request),
    });
    const { messages, nextPageToken } = toPage(changes, PlanSummarySchema, toPlanOfChange);
    return { plan: toPlan(plan, messages), nextPageToken };
  },
  listLostResources: async (request, context) => {
    const wanted = { id: request.runId, page: fromPage(request) };
    const page = await listLostResources(control, callerOf(context), wanted);
    const { messages: lostResources, nextPageToken } = toPage(page, LostResourceSchema, toLostResource);
    return { lostResources, nextPageToken };
  },
  listRuns: async (request, context) => {
    const wanted = { filter: fromListRuns(request), page: fromPage(request) };
    const page = await listRuns(control, callerOf(context), wanted);
    const { messages: runs, nextPageToken } = toPage(page, RunSchema, toListedRun);
    return { runs, nextPageToken };
  },
  listRunEvents: async (request, context) => {
    const wanted = { id: request.runId, page: fromPage(request) };
    const page = await listRunEvents(control, callerOf(context), wanted);
    const { messages: events, nextPageToken } = toPage(page, RunEventSchema, toRunEvent);
    return { events, nextPageToken };
  },
  async *watchRun({ runId }, context): AsyncGenerator<WatchMessage> {
    const views = watchRun(control, callerOf(context), { id: runId, signal: context.signal });
    const messages = mapItems(views, (view): WatchMessage => ({ run: toWatchedRun(view) }));
    const sign = (last: WatchMessage | undefined) => last && { ...last, unchanged: true };
    yield* withSigns(messages, { clock: control.clock, sign });
  },
});
