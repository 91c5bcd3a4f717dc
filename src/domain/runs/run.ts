import type { ConfigurationId, OrganizationId, RunId, StateVersionId, WorkspaceId } from "../../lib/words/ids.ts";
import type { Engine } from "../workspaces/workspace.ts";
import type { Desired, JobPhase, Urgency } from "./job.ts";
import { type Lost, mustDecide } from "./lost.ts";
import type { KeptInFlight } from "./resource-in-flight.ts";
import { errorText } from "./run-error.ts";
import type { RunHook } from "./run-hook.ts";

export type RunStatus =
  | "pending"
  | "plan_queued"
  | "planning"
  | "planned"
  | "planned_and_finished"
  | "apply_queued"
  | "applying"
  | "applied"
  | "discarded"
  | "errored"
  | "canceled"
  | "force_canceled";

export interface RunVariable {
  readonly key: string;
  readonly value: string;
  readonly isHcl: boolean;
}

/**
 * Where a run was created: over the RPCs, by `windlass`, in a browser, over the TFE API, or by the terraform program
 * itself.
 */
export type RunSource = "api" | "cli" | "browser" | "tfe-api" | "terraform";

/** How a run behaves; decided when it is created. */
export interface RunOptions {
  readonly isPlanOnly: boolean;
  readonly isAutoApply: boolean;
  readonly isDestroy: boolean;
  readonly skipsRefresh: boolean;
  readonly isRefreshOnly: boolean;
  readonly targets: readonly string[];
  readonly replacements: readonly string[];
  /** Left out of the plan, with all that depends on them; only of OpenTofu, absent in older rows. */
  readonly excludes?: readonly string[] | undefined;
  /** A destroy that forgets objects has not failed; only of OpenTofu, absent in older rows. */
  readonly suppressesForgetErrors?: boolean | undefined;
  readonly variables: readonly RunVariable[];
  /** Overrides the workspace's; empty does not. Only for plan-only runs. */
  readonly engineVersion: string;
  readonly allowsEmptyApply: boolean;
  /** 0 is terraform's default. */
  readonly parallelism: number;
  /** Its plan takes no lock, waits for a person whatever else says, and is discarded once the state has moved; absent in older rows. */
  readonly isSavedPlan?: boolean | undefined;
  /** Its plan writes configuration for imported objects that have none; absent in older rows. */
  readonly generatesConfiguration?: boolean | undefined;
  /** terraform tells all that it does in the log; absent in older rows. */
  readonly isDebug?: boolean | undefined;
  /** How long it may wait for the workspace or an agent before it is canceled; 0 or absent is the server's limit. */
  readonly queueTimeoutMs?: number | undefined;
}

export interface ChangeCounts {
  readonly add: number;
  readonly change: number;
  readonly destroy: number;
  readonly import: number;
  /** Taken out of the state and left in the world; absent in older rows. */
  readonly forget?: number | undefined;
  /** Changed outside of terraform, as far as terraform shows it; absent in older rows. */
  readonly drift?: number | undefined;
  /** Given another address; absent in older rows. */
  readonly move?: number | undefined;
}

/** One attempt to change a workspace. */
export interface Run {
  readonly id: RunId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly configurationId: ConfigurationId;
  readonly status: RunStatus;
  readonly options: RunOptions;
  readonly message: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** When it got its present status. */
  readonly statusAt: Date;
  readonly hasChanges: boolean;
  readonly plannedChanges: ChangeCounts | null;
  readonly appliedChanges: ChangeCounts | null;
  /** SHA-256 of the plan file in clear, in hex; null before the plan was uploaded. */
  readonly planSha256: string | null;
  readonly planBytes: number | null;
  /** Keys of the encrypted plan file and its masked summary in the blob store. */
  readonly planBlobKey: string | null;
  readonly summaryBlobKey: string | null;
  /** The plan as JSON, and without secrets as terraform's own client reads it, packed and encrypted; null if not there. */
  readonly planJsonBlobKey: string | null;
  readonly redactedPlanBlobKey: string | null;
  /**
   * The archive of the files that the plan made, in clear: its SHA-256, its size, and where it lies encrypted; null if
   * there is none.
   */
  readonly planFilesSha256: string | null;
  readonly planFilesBytes: number | null;
  readonly planFilesBlobKey: string | null;
  /** The program that made the plan, and that alone applies it; null and empty before there is a plan. */
  readonly engine: Engine | null;
  readonly engineVersion: string;
  /** The dependency lock file that the plan was made with, for its apply; null if there is none. */
  readonly planLockFile: string | null;
  readonly decidedBy: string;
  readonly decidedAt: Date | null;
  readonly decisionComment: string;
  readonly cancelRequestedAt: Date | null;
  /** Empty if nobody asked. */
  readonly canceledBy: string;
  readonly source: RunSource;
  readonly urgency: Urgency;
  /** The run that it repeats. */
  readonly retryOf: RunId | null;
  /** The state that a saved plan is made of, from its offer on; null before, without one, and in older rows. */
  readonly baseStateId: StateVersionId | null;
  readonly errorMessage: string;
  /** What its apply had begun and not ended; see `inFlightOf`. */
  readonly resourcesInFlight: readonly KeptInFlight[];
  /** What its apply had finished and its last state does not have; null if there is nothing. */
  readonly lost: Lost | null;
  /** Set when its plan is queued, for the person who decides about it; null in older rows. */
  readonly warnings: readonly string[] | null;
  /** The hook of the planning agent that denied its plan: an owner alone confirms it; null if none did. */
  readonly deniedBy: string | null;
  readonly hooks: readonly RunHook[] | null;
  readonly endedAt: Date | null;
  readonly version: number;
}

export type RunEvent =
  | { readonly kind: "workspace_acquired" }
  | { readonly kind: "job_started"; readonly phase: JobPhase }
  | { readonly kind: "job_requeued"; readonly phase: JobPhase }
  | {
      readonly kind: "plan_finished";
      readonly hasChanges: boolean;
      readonly counts: ChangeCounts;
      /** The hook of the agent that wants an owner to decide; empty or absent if none does. */
      readonly deniedBy?: string | undefined;
    }
  | { readonly kind: "confirmed"; readonly by: string; readonly comment: string }
  | { readonly kind: "discarded"; readonly by: string; readonly comment: string }
  /** A saved plan can never be applied any more, or nobody has decided about it for too long. */
  | { readonly kind: "plan_outdated"; readonly message: string }
  | { readonly kind: "apply_finished"; readonly counts: ChangeCounts }
  | {
      readonly kind: "job_errored";
      readonly phase: JobPhase;
      readonly message: string;
      readonly counts: ChangeCounts | null;
      readonly resourcesInFlight: readonly KeptInFlight[];
      readonly lost?: Lost | null | undefined;
    }
  | {
      readonly kind: "apply_interrupted";
      readonly message: string;
      readonly resourcesInFlight: readonly KeptInFlight[];
      readonly lost?: Lost | null | undefined;
    }
  /** The apply failed before terraform apply was started: nothing was changed. */
  | { readonly kind: "apply_not_started"; readonly message: string }
  | {
      readonly kind: "cancel_requested";
      readonly mode: Exclude<Desired, "run">;
      readonly by: string;
      readonly comment: string;
    }
  /** It has waited for longer than it may. */
  | { readonly kind: "queue_expired"; readonly message: string }
  | {
      readonly kind: "job_canceled";
      readonly phase: JobPhase;
      readonly isForced: boolean;
      readonly counts: ChangeCounts | null;
      readonly resourcesInFlight: readonly KeptInFlight[];
      readonly lost?: Lost | null | undefined;
    };

/** What else must stand or fall with a run's move. */
export type RunEffect =
  | { readonly kind: "queue_job"; readonly phase: JobPhase }
  /** The run takes the workspace, which nobody else may hold, or the move does not happen. */
  | { readonly kind: "take_workspace" }
  | { readonly kind: "cancel_job"; readonly phase: JobPhase; readonly mode: Exclude<Desired, "run"> }
  /** The run lets go of the workspace, so that the next one can have it. */
  | { readonly kind: "release_workspace" };

export type RunMove =
  | { readonly kind: "moved"; readonly run: Run; readonly effects: readonly RunEffect[] }
  | { readonly kind: "refused"; readonly why: string };

const final: ReadonlySet<RunStatus> = new Set<RunStatus>([
  "planned_and_finished",
  "applied",
  "discarded",
  "errored",
  "canceled",
  "force_canceled",
]);

/** True once a run can never change again. */
export const isFinal = (status: RunStatus): boolean => final.has(status);

/** True while a run waits for its workspace or for an agent; a plan that waits for a person is not queued. */
export const isQueued = (status: RunStatus): boolean =>
  status === "pending" || status === "plan_queued" || status === "apply_queued";

/** Whether the urgency of a run in this status still decides anything that is near. */
export const mayReprioritize = (status: RunStatus): boolean => isQueued(status) || status === "planned";

/** The phase whose job the status speaks of; null if it speaks of none. */
export function phaseOf(status: RunStatus): JobPhase | null {
  if (status === "plan_queued" || status === "planning") return "plan";
  if (status === "apply_queued" || status === "applying") return "apply";
  return null;
}

/** Its plan takes no lock, and waits for a person. */
export const isSavedPlan = ({ options }: Pick<Run, "options">): boolean =>
  options.isSavedPlan === true && !options.isPlanOnly;

/** Whether its plan waits for nobody else: neither for the workspace nor for other runs. */
export const plansAside = ({ options }: Pick<Run, "options">): boolean =>
  options.isPlanOnly || options.isSavedPlan === true;

/** Whether a run that has not ended has its workspace: one that plans aside only while it applies, if it ever does. */
export const holdsWorkspace = ({ options, status }: Pick<Run, "options" | "status">): boolean => {
  if (status === "pending" || options.isPlanOnly) return false;
  return options.isSavedPlan !== true || phaseOf(status) === "apply";
};

type Change = Partial<Omit<Run, "id" | "status" | "version">>;

/** A status as people say it. */
export const statusText = (status: RunStatus): string =>
  status === "force_canceled" ? "force-canceled" : status.replaceAll("_", " ");

/** Moves a run, or says why not. Every legal move stands in this function. */
export function moveRun(run: Run, event: RunEvent, now: Date): RunMove {
  const release: readonly RunEffect[] = holdsWorkspace(run) ? [{ kind: "release_workspace" }] : [];
  const to = (status: RunStatus, change: Change = {}, ...effects: readonly RunEffect[]): RunMove => ({
    kind: "moved",
    run: {
      ...run,
      ...change,
      status,
      statusAt: now,
      version: run.version + 1,
      ...(isFinal(status) ? { endedAt: now, ...noPlanFiles, planLockFile: null } : { endedAt: null }),
    },
    effects: isFinal(status) && status !== "errored" && !mustDecide(change.lost) ? [...effects, ...release] : effects,
  });
  const refuse = (): RunMove => ({
    kind: "refused",
    why: `run ${run.id} is ${statusText(run.status)}: it cannot be ${asClaim(event)}`,
  });
  const isIn = (...statuses: readonly RunStatus[]): boolean => statuses.includes(run.status);

  switch (event.kind) {
    case "workspace_acquired":
      return isIn("pending") ? to("plan_queued", {}, { kind: "queue_job", phase: "plan" }) : refuse();
    case "job_started":
      if (event.phase === "plan") return isIn("plan_queued") ? to("planning") : refuse();
      return isIn("apply_queued") ? to("applying") : refuse();
    case "job_requeued":
      return event.phase === "plan" && isIn("planning") ? to("plan_queued") : refuse();
    case "plan_finished": {
      if (!isIn("planning")) return refuse();
      const { hasChanges, counts: plannedChanges, deniedBy = "" } = event;
      const found: Change = { hasChanges, plannedChanges, deniedBy: deniedBy === "" ? null : deniedBy };
      const isApplicable = event.hasChanges || run.options.allowsEmptyApply;
      if (run.options.isPlanOnly || !isApplicable) return to("planned_and_finished", found);
      if (run.cancelRequestedAt !== null) return to("canceled", found);
      if (!run.options.isAutoApply || isSavedPlan(run) || deniedBy !== "") return to("planned", found);
      return to("apply_queued", { ...found, decidedAt: now }, { kind: "queue_job", phase: "apply" });
    }
    case "confirmed":
      if (!isIn("planned")) return refuse();
      return to(
        "apply_queued",
        { decidedBy: event.by, decidedAt: now, decisionComment: event.comment, errorMessage: "" },
        ...(isSavedPlan(run) ? [{ kind: "take_workspace" } as const] : []),
        { kind: "queue_job", phase: "apply" },
      );
    case "discarded":
      if (!isIn("planned")) return refuse();
      return to("discarded", { decidedBy: event.by, decidedAt: now, decisionComment: event.comment });
    case "plan_outdated":
      if (!isIn("planned") || !isSavedPlan(run)) return refuse();
      return to("discarded", { errorMessage: event.message });
    case "apply_finished":
      return isIn("applying") ? to("applied", { appliedChanges: appliedBy(run, event.counts) }) : refuse();
    case "job_errored": {
      if (phaseOf(run.status) !== event.phase) return refuse();
      const change: Change = { ...brokenOff(run, event), ...countedBy(event) };
      return to("errored", change, ...(mustDecide(event.lost) ? [] : release));
    }
    case "apply_not_started": {
      if (phaseOf(run.status) !== "apply") return refuse();
      if (run.cancelRequestedAt !== null) return to("canceled");
      const errorMessage = errorText(run, { kind: "not_started", message: event.message });
      // Nobody has looked at the plan of an automatic apply: a new run makes a new one.
      if (run.decidedBy === "") return to("errored", { errorMessage }, ...release);
      const undecided: Change = { errorMessage, decidedBy: "", decidedAt: null, decisionComment: "" };
      return to("planned", undecided, ...(isSavedPlan(run) ? release : []));
    }
    case "apply_interrupted":
      // The outcome is unknown, so the workspace stays locked until evidence or a person decides.
      if (!isIn("applying")) return refuse();
      return to("errored", brokenOff(run, event));
    case "cancel_requested":
      if (isIn("pending", "planned")) return to("canceled", { cancelRequestedAt: now, canceledBy: event.by });
      return phaseOf(run.status) === null ? refuse() : requestCancel(run, event, now);
    case "queue_expired":
      if (isIn("pending")) return to("canceled", { errorMessage: event.message });
      return isQueued(run.status) ? leaveQueue(run, event.message) : refuse();
    case "job_canceled":
      if (phaseOf(run.status) !== event.phase) return refuse();
      return to(event.isForced ? "force_canceled" : "canceled", {
        ...brokenOff(run, { ...event, message: run.errorMessage }),
        ...countedBy(event),
      });
  }
}

/** What a plan made is for its apply: nothing of it survives the run. */
export const noPlanFiles = { planFilesSha256: null, planFilesBytes: null, planFilesBlobKey: null } as const;
/**
 * The counts of a good apply. No program counts moves and accepted drift in an apply, nor all that was forgotten: these
 * come from the plan.
 */
const appliedBy = ({ options, plannedChanges }: Run, counts: ChangeCounts): ChangeCounts => ({
  ...counts,
  forget: Math.max(counts.forget ?? 0, plannedChanges?.forget ?? 0),
  move: plannedChanges?.move ?? 0,
  drift: options.isRefreshOnly ? (plannedChanges?.drift ?? 0) : counts.drift,
});

/** What is known of an apply that was broken off. Its error also says what has to be decided. */
const brokenOff = (
  run: Run,
  {
    message,
    resourcesInFlight,
    lost = null,
  }: Pick<Extract<RunEvent, { kind: "apply_interrupted" }>, "message" | "resourcesInFlight" | "lost">,
): Change => ({
  errorMessage: errorText(run, { kind: "broken_off", message, lost }),
  resourcesInFlight,
  lost,
});

const countedBy = ({ counts }: { readonly counts: ChangeCounts | null }): Change =>
  counts === null ? {} : { appliedChanges: counts };

/** The status stays: the run ends when the agent proves that terraform has. */
function requestCancel(run: Run, event: Extract<RunEvent, { kind: "cancel_requested" }>, now: Date): RunMove {
  const phase = phaseOf(run.status);
  if (phase === null)
    return { kind: "refused", why: `run ${run.id} is ${statusText(run.status)}: it cannot be canceled` };
  const canceledBy = run.canceledBy === "" ? event.by : run.canceledBy;
  return {
    kind: "moved",
    run: { ...run, canceledBy, cancelRequestedAt: run.cancelRequestedAt ?? now, version: run.version + 1 },
    effects: [{ kind: "cancel_job", phase, mode: event.mode }],
  };
}

/** The same for a job that no agent has: it ends at once, and the run with it. */
function leaveQueue(run: Run, errorMessage: string): RunMove {
  const phase = phaseOf(run.status) ?? "plan";
  return {
    kind: "moved",
    run: { ...run, errorMessage, version: run.version + 1 },
    effects: [{ kind: "cancel_job", phase, mode: "cancel" }],
  };
}

function asClaim(event: RunEvent): string {
  switch (event.kind) {
    case "confirmed":
    case "discarded":
      return event.kind;
    case "cancel_requested":
    case "queue_expired":
      return "canceled";
    default:
      return `moved by ${event.kind}`;
  }
}
