import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { isFinal } from "../../../src/cli/run/states.ts";
import { ConfigurationService } from "../../../src/gen/windlass/v1/configuration_service_pb.ts";
import {
  JobStatus,
  type PlanSummarySchema,
  type Run,
  type RunEventSchema,
  RunPhase,
  type RunPriority,
  RunSchema,
  RunState,
} from "../../../src/gen/windlass/v1/run_pb.ts";
import {
  type CheckRunRequest,
  type ConfirmRunRequest,
  type CreateRunRequest,
  type ListRunsRequest,
  RunService,
  type StreamRunLogsRequest,
} from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { StateService } from "../../../src/gen/windlass/v1/state_service_pb.ts";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { abortable } from "../../../src/lib/async/abort.ts";

export const runId = "run_01h455vb4pex5vsknk084sn02q";

type Patch = Omit<MessageInitShape<typeof RunSchema>, "$typeName" | "$unknown">;

interface FakeLog {
  bytes: Buffer;
  isComplete: boolean;
  epoch: bigint;
}

/** One workspace with one run, which does what the test says; and a record of what was asked. */
export class FakeRuns {
  readonly #logs = new Map<RunPhase, FakeLog>();
  #changed = Promise.withResolvers<void>();
  run: Run = create(RunSchema, { id: runId, workspace: "network", organization: "acme", state: RunState.PENDING });
  /** Older runs of the workspace; requests about them are recorded and change nothing. */
  others: readonly Patch[] = [];
  readonly created: CreateRunRequest[] = [];
  readonly checked: CheckRunRequest[] = [];
  /** Where terraform runs in what is uploaded. */
  workingDirectory = "";
  /** What the server says of its UI. */
  web: { readonly hasWeb?: boolean; readonly publicUrl?: string } = {};
  /** Thrown when somebody asks whether a run could be created. */
  refusal: unknown;
  readonly confirmed: ConfirmRunRequest[] = [];
  readonly discarded: string[] = [];
  readonly canceled: string[] = [];
  readonly logRequests: StreamRunLogsRequest[] = [];
  readonly listed: ListRunsRequest[] = [];
  readonly retried: { readonly id: string; readonly message: string }[] = [];
  readonly prioritized: { readonly id: string; readonly priority: RunPriority }[] = [];
  readonly comments: { readonly id: string; readonly comment: string }[] = [];
  /** The creation of a run is answered once this is settled. */
  creating: Promise<void> = Promise.resolve();
  events: readonly MessageInitShape<typeof RunEventSchema>[] = [];
  plan: MessageInitShape<typeof PlanSummarySchema> = {};
  uploadedBytes = 0;

  /** Changes the run; everybody who watches it hears of it. */
  change(patch: Patch): void {
    const { $typeName: _type, $unknown: _unknown, ...fields } = this.run;
    this.run = create(RunSchema, { ...fields, ...patch });
    this.#wake();
  }

  /** An agent plans. */
  planning(agentName = "vm-7"): void {
    const phase = { jobId: "job_1", status: JobStatus.STARTED, agentName, startTime: { seconds: 1n } };
    this.change({ state: RunState.PLANNING, plan: phase });
  }

  /** The plan ended with two resources to add. */
  planned(): void {
    this.endLog(RunPhase.PLAN);
    this.change({
      state: RunState.PLANNED,
      hasChanges: true,
      planSha256: "a".repeat(64),
      plannedChanges: { add: 2, change: 1, destroy: 0 },
    });
  }

  /** An agent applies. */
  applying(agentName = "vm-7"): void {
    const phase = { jobId: "job_2", status: JobStatus.STARTED, agentName, startTime: { seconds: 2n } };
    this.change({ state: RunState.APPLYING, apply: phase });
  }

  /** The apply ended well. */
  applied(): void {
    this.endLog(RunPhase.APPLY);
    const counts = { add: 2, change: 1, destroy: 0 };
    this.change({ state: RunState.APPLIED, appliedChanges: counts, stateVersionId: "sv_1", endTime: { seconds: 9n } });
  }

  log(phase: RunPhase, text: string): void {
    const log = this.#log(phase);
    log.bytes = Buffer.concat([log.bytes, Buffer.from(text)]);
    this.#wake();
  }

  endLog(phase: RunPhase): void {
    this.#log(phase).isComplete = true;
    this.#wake();
  }

  /** The phase is tried again: its log begins anew. */
  newAttempt(phase: RunPhase): void {
    this.#logs.set(phase, { bytes: Buffer.alloc(0), isComplete: false, epoch: this.#log(phase).epoch + 1n });
    this.#wake();
  }

  routes = (router: ConnectRouter): void => {
    router.service(SystemService, {
      getServerInfo: () => ({ version: "0.1.0", maxConfigurationBytes: 1_000_000n, ...this.web }),
      whoAmI: () => ({ organizations: ["acme"] }),
    });
    router.service(WorkspaceService, {
      getWorkspace: ({ workspace }) => ({ workspace: { name: workspace, workingDirectory: this.workingDirectory } }),
    });
    router.service(ConfigurationService, { uploadConfiguration: (parts) => this.#upload(parts) });
    router.service(StateService, {
      getOutputs: () => ({
        outputs: [
          { name: "greeting", valueJson: '"hello"' },
          { name: "password", sensitive: true },
        ],
      }),
    });
    router.service(RunService, {
      checkRun: (request) => {
        this.checked.push(request);
        if (this.refusal !== undefined) throw this.refusal;
        return {};
      },
      createRun: async (request) => {
        this.created.push(request);
        await this.creating;
        return { run: this.run };
      },
      getRun: ({ runId: id }) => ({
        run: this.others.map((one) => create(RunSchema, one)).find((one) => one.id === id) ?? this.run,
      }),
      listRuns: (request) => {
        this.listed.push(request);
        const runs = [this.run, ...this.others.map((one) => create(RunSchema, one))];
        return { runs: request.active ? runs.filter(({ state }) => !isFinal(state)) : runs };
      },
      listRunEvents: () => ({ events: [...this.events] }),
      getRunPlan: () => ({ plan: this.plan }),
      retryRun: ({ runId: id, message }) => {
        this.retried.push({ id, message });
        return { run: this.run };
      },
      setRunPriority: ({ runId: id, priority }) => {
        this.prioritized.push({ id, priority });
        return { run: this.run };
      },
      commentRun: ({ runId: id, comment }) => {
        this.comments.push({ id, comment });
        return { event: { title: "commented", comment } };
      },
      confirmRun: (request) => {
        this.confirmed.push(request);
        this.change({ state: RunState.APPLY_QUEUED });
        return { run: this.run };
      },
      discardRun: ({ runId: id }) => {
        this.discarded.push(id);
        this.change({ state: RunState.DISCARDED });
        return { run: this.run };
      },
      cancelRun: ({ runId: id }) => {
        this.canceled.push(id);
        return { run: this.run };
      },
      watchRun: (_request, context) => this.#watch(context),
      streamRunLogs: (request, context) => this.#stream(request, context),
    });
  };

  /** After each snapshot, and before each piece of a log, there is a sign that the stream lives, which nobody may see. */
  async *#watch({ signal }: HandlerContext) {
    for (let seen: Run | undefined; ; ) {
      const { promise } = this.#changed;
      if (this.run !== seen) {
        seen = this.run;
        yield { run: seen };
        yield { run: seen, unchanged: true };
      } else await abortable(promise, signal).catch(() => {});
      if (signal.aborted || (seen === this.run && seen.endTime !== undefined)) return;
    }
  }

  async *#stream(request: StreamRunLogsRequest, { signal }: HandlerContext) {
    this.logRequests.push(request);
    for (let offset = Number(request.offset); ; ) {
      const { promise } = this.#changed;
      const { bytes, isComplete, epoch } = this.#log(request.phase);
      const chunk = bytes.subarray(offset);
      const end = isComplete || !request.follow;
      yield { offset: BigInt(offset), chunk: new Uint8Array(), epoch };
      if (chunk.length > 0 || end) yield { offset: BigInt(offset), chunk, epoch, end };
      offset += chunk.length;
      if (end) return;
      if (chunk.length === 0) await abortable(promise, signal).catch(() => {});
      if (signal.aborted) return;
    }
  }

  async #upload(parts: AsyncIterable<{ part: { case?: string | undefined; value?: unknown } }>) {
    for await (const { part } of parts) {
      if (part.value instanceof Uint8Array) this.uploadedBytes += part.value.length;
    }
    return { configurationVersion: { id: "cv_1", fileCount: 1 } };
  }

  #log(phase: RunPhase): FakeLog {
    const found = this.#logs.get(phase) ?? { bytes: Buffer.alloc(0), isComplete: false, epoch: 1n };
    this.#logs.set(phase, found);
    return found;
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}
