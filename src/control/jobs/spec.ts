import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { engineRequirementOf } from "../../domain/runs/engine.ts";
import type { Job } from "../../domain/runs/job.ts";
import { summaryMayFollow } from "../../domain/runs/late-summary.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import {
  JobPhase,
  JobSpecSchema,
  type PlanDocumentsWantedSchema,
  StateInfoSchema,
} from "../../gen/windlass/agent/v1/job_pb.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { jobTokenOf } from "./dispatcher.ts";
import { jobEngineOf } from "./engine.ts";
import { givenState, hasBase, type JobBase, jobState, noteBase } from "./given-state.ts";
import { maxPlanDocumentsBytes } from "./plan-documents.ts";

type Spec = MessageInitShape<typeof JobSpecSchema>;

/** Largest state that comes with an offer. */
export const maxOfferedState = 32 * 1024;

/** A job as it is offered. */
export interface OfferedJob {
  readonly job: Spec;
  /** The state that it begins with; empty if there is none, or if it is to be downloaded. */
  readonly state: Uint8Array;
}

/** Everything an agent has to know of a job before it downloads anything, and what is small enough to come at once. */
export async function offeredJob(control: Control, job: Job): Promise<OfferedJob> {
  const look = () =>
    control.store.read(async (q) => ({
      spec: await jobSpecOf(control, q, job),
      hasBase: await hasBase(q, job),
      state: await stateOf(q, job),
    }));
  const found = await look();
  if (!found.hasBase) await noteBase(control, job);
  const { spec, state } = found.hasBase ? found : await look();
  if (state === undefined) return { job: spec, state: nothing };
  const base = await givenState(control, state);
  const { bytes, sha256 } = base;
  const { lineage, serial } = state;
  const given = create(StateInfoSchema, { lineage, serial: BigInt(serial), sizeBytes: BigInt(bytes), sha256 });
  // An apply comes to the agent that has planned, as a rule: it has the state.
  const isSmall = job.phase === "plan" && bytes <= maxOfferedState;
  return {
    job: Object.assign(create(JobSpecSchema, spec), { state: given }),
    state: isSmall ? await wholeOf(control, job, base) : nothing,
  };
}

const nothing = new Uint8Array(0);

/** What cannot be read now is downloaded later, or is not, and then says why. */
async function wholeOf({ log }: Control, { id }: Job, base: JobBase): Promise<Uint8Array> {
  try {
    return Buffer.concat(await Array.fromAsync(base.read(0)));
  } catch (error) {
    log.warn({ err: error, jobId: id }, "the state of a job cannot be read for its offer: its agent downloads it");
    return nothing;
  }
}

async function stateOf(q: Queries, job: Job): Promise<StateVersion | undefined> {
  const run = await q.runs.get(job.runId);
  const workspace = await q.workspaces.get(job.workspaceId);
  return run === undefined || workspace === undefined ? undefined : jobState(q, { job, run, workspace });
}

/** The same without its state. */
export async function jobSpecOf(control: Control, q: Queries, job: Job): Promise<Spec> {
  const [run, workspace, organization] = await allSettled([
    q.runs.get(job.runId),
    q.workspaces.get(job.workspaceId),
    q.organizations.get(job.organizationId),
  ]);
  const configuration = run === undefined ? undefined : await q.configurations.get(run.configurationId);
  if (run === undefined || workspace === undefined || configuration === undefined || organization === undefined) {
    throw new WindlassError("internal", `what job ${job.id} needs is gone`);
  }
  const appliedPlan = job.phase === "apply" && run.planSha256 !== null ? run.planSha256 : undefined;
  const wish = engineRequirementOf(job, workspace);
  return {
    claim: { jobId: job.id, epoch: BigInt(job.epoch) },
    runId: run.id,
    phase: job.phase === "plan" ? JobPhase.PLAN : JobPhase.APPLY,
    organization: organization.name,
    workspaceId: workspace.id,
    workspace: workspace.name,
    engine: jobEngineOf(wish.engine),
    engineVersion: wish.constraint,
    planEngineVersion: wish.planVersion,
    workingDirectory: workspace.workingDirectory,
    configuration: { sizeBytes: BigInt(configuration.bytes), sha256: configuration.sha256 },
    configurationVersionId: configuration.id,
    createdBy: run.createdBy,
    jobToken: jobTokenOf(control, job),
    maxLogBytes: BigInt(control.limits.maxLogBytes),
    options: optionsOf(run, workspace),
    notices: job.phase === "plan" ? [...(run.warnings ?? [])] : [],
    timeout: durationFromMs(timeLimitMs(control, workspace, job.phase)),
    ...planFilesOf(control, run, job),
    planDocuments: job.phase === "plan" ? wantedDocuments(run) : undefined,
    takesPolicyDenial: true,
    summaryMayFollow: job.phase === "plan" && summaryMayFollow(run),
    initTimeout: durationFromMs(workspace.initTimeoutMs === 0 ? control.timing.initTimeoutMs : workspace.initTimeoutMs),
    plan: appliedPlan === undefined ? undefined : { sizeBytes: BigInt(run.planBytes ?? 0), sha256: appliedPlan },
    lockFile: Buffer.from(appliedPlan === undefined ? "" : (run.planLockFile ?? "")),
  };
}

const optionsOf = ({ options }: Run, workspace: Workspace) => ({
  planOnly: options.isPlanOnly,
  allowEmptyApply: options.allowsEmptyApply,
  destroy: options.isDestroy,
  skipRefresh: options.skipsRefresh,
  refreshOnly: options.isRefreshOnly,
  targets: [...options.targets],
  replacements: [...options.replacements],
  excludes: [...(options.excludes ?? [])],
  suppressForgetErrors: options.suppressesForgetErrors ?? false,
  generateConfiguration: options.generatesConfiguration ?? false,
  debug: options.isDebug ?? false,
  parallelism: options.parallelism === 0 ? workspace.parallelism : options.parallelism,
});

/** An apply gets what its plan made; a plan that may be applied is told how much it may make. */
function planFilesOf({ limits }: Control, run: Run, job: Job): Pick<Spec, "planFiles"> {
  if (job.phase === "apply") {
    const { planFilesSha256: sha256, planFilesBytes: bytes } = run;
    return sha256 === null || bytes === null ? {} : { planFiles: { sizeBytes: BigInt(bytes), sha256 } };
  }
  const isTaken = !run.options.isPlanOnly && limits.maxPlanFilesBytes > 0;
  return isTaken ? { planFiles: { sizeBytes: BigInt(limits.maxPlanFilesBytes) } } : {};
}

/** The redacted plan is read of runs whose client shows the plan later, or takes configuration out of it. */
const wantedDocuments = ({ options }: Run): MessageInitShape<typeof PlanDocumentsWantedSchema> => ({
  maxBytes: BigInt(maxPlanDocumentsBytes),
  redacted: options.isSavedPlan === true || options.generatesConfiguration === true,
});

/** How long a phase may take: as its workspace says, else as the server does; 0 is for ever. */
function timeLimitMs(
  { timing }: Control,
  { planTimeoutMs, applyTimeoutMs }: Pick<Workspace, "planTimeoutMs" | "applyTimeoutMs">,
  phase: Job["phase"],
): number {
  const [own, general] =
    phase === "plan" ? [planTimeoutMs, timing.planTimeoutMs] : [applyTimeoutMs, timing.applyTimeoutMs];
  return own === 0 ? general : own;
}
