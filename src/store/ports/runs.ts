import type { Job } from "../../domain/runs/job.ts";
import type { RunOperation, StatusFilter } from "../../domain/runs/listed-run.ts";
import type { Run, RunSource, RunStatus } from "../../domain/runs/run.ts";
import type { EventMark, TimelineEvent } from "../../domain/runs/timeline.ts";
import type { AgentId, OrganizationId, PoolId, RunId, WorkspaceId } from "../../lib/words/ids.ts";
import type { Position, TimePage } from "./pages.ts";

/** How many jobs of a phase and status there are whose workspaces have the same selector. */
export interface JobDemand extends Pick<Job, "phase" | "status"> {
  readonly agentSelector: string;
  readonly count: number;
}

/** Which runs of an organization a list holds; what is absent or null does not narrow it, and no text or tag. */
export interface RunFilter {
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId | null;
  /** Any of them; null is all. */
  readonly statuses: readonly RunStatus[] | null;
  /** Occurs in id, message or who created it; ASCII letters in any case. */
  readonly search?: string | undefined;
  /** Created at this time or later. */
  readonly createdFrom?: Date | null | undefined;
  /** Created before this time. */
  readonly createdBefore?: Date | null | undefined;
  /** Runs of workspaces that are assigned to it now. */
  readonly poolId?: PoolId | null | undefined;
  /** Runs of workspaces that have all of these now. */
  readonly tags?: readonly string[] | undefined;
  /** Only runs that are not final. */
  readonly isActive?: boolean | undefined;
  /** Runs of which a job was last given to it. */
  readonly agentId?: AgentId | null | undefined;
  /** Only runs that hold their workspace and are planned, or final. */
  readonly needsDecision?: boolean | undefined;
  /** Any of them. */
  readonly states?: readonly StatusFilter[] | null | undefined;
  /** Any of them. */
  readonly sources?: readonly RunSource[] | null | undefined;
  /** Any of them. */
  readonly operations?: readonly RunOperation[] | null | undefined;
  /** Of workspaces that are assigned now to a pool of one of these names. */
  readonly poolNames?: readonly string[] | null | undefined;
  readonly workspaceNames?: readonly string[] | null | undefined;
  /** Occurs in who created it. */
  readonly createdBy?: string | undefined;
}

/** Of a run that has ended, what the next one of its workspace may have to be told. */
export type TellingRun = Pick<
  Run,
  | ("id" | "status" | "createdAt" | "endedAt" | "options" | "hasChanges")
  | ("appliedChanges" | "resourcesInFlight" | "lost" | "errorMessage")
>;

/** Some rows of a list, by their number from the first. */
export interface RowRange {
  readonly offset: number;
  readonly limit: number;
}

/** The queries of runs. */
export interface RunQueries {
  get(id: RunId): Promise<Run | undefined>;
  byIds(ids: readonly RunId[]): Promise<readonly Run[]>;
  list(filter: RunFilter, page: TimePage): Promise<readonly Run[]>;
  /** The same newest first, by their number. */
  range(filter: RunFilter, rows: RowRange): Promise<readonly Run[]>;
  count(filter: RunFilter): Promise<number>;
  /**
   * The place of the run that stands `rows` further on, counting all runs of that owner and time, also those that the
   * rest of the filter leaves out; null if there are fewer.
   */
  placeAfter(
    list: Pick<RunFilter, "organizationId" | "workspaceId" | "createdFrom" | "createdBefore">,
    page: { readonly before: Position | null; readonly rows: number },
  ): Promise<Position | null>;
  /** Pending runs of a workspace, in the order in which they get it: by (urgency, createdAt, id). */
  pending(workspaceId: WorkspaceId, limit: number): Promise<readonly Run[]>;
  /** How many pending runs of its workspace get it before each of these, which are pending themselves. */
  runsAhead(ids: readonly RunId[]): Promise<ReadonlyMap<RunId, number>>;
  /** Runs of a workspace that are not final. */
  active(workspaceId: WorkspaceId, limit: number): Promise<readonly Run[]>;
  /** How many these are. */
  countActive(workspaceId: WorkspaceId): Promise<number>;
  newest(workspaceId: WorkspaceId): Promise<Run | undefined>;
  /** Runs of a workspace that may have left something in flight, or show that all is well; newest first. */
  ended(workspaceId: WorkspaceId, page: Pick<TimePage, "before" | "limit">): Promise<readonly TellingRun[]>;
  /** Runs of all organizations that wait for a workspace or an agent since before `at`, by id after `after`. */
  queuedSince(at: Date, page: { readonly after: RunId | null; readonly limit: number }): Promise<readonly Run[]>;
  /**
   * Planned runs that do not hold their workspace: those whose state is not the one that they were planned from any more, and
   * those planned before `at`.
   */
  outdatedPlans(at: Date, limit: number): Promise<readonly RunId[]>;
  insert(row: Run): Promise<void>;
  save(row: Run): Promise<void>;
}

/** The queries of what happened to runs. */
export interface RunEventQueries {
  /** Oldest first: events of a run whose position is greater than `after`, at most `limit`. */
  list(runId: RunId, page: { readonly after: number; readonly limit: number }): Promise<readonly TimelineEvent[]>;
  get(runId: RunId, position: number): Promise<TimelineEvent | undefined>;
  /** Oldest first, by their number; with `isComment` only what people have said. */
  range(runId: RunId, rows: RowRange & { readonly isComment: boolean }): Promise<readonly TimelineEvent[]>;
  count(runId: RunId, which: { readonly isComment: boolean }): Promise<number>;
  /** Of each run the first `each` events and all that moved it, in their order. */
  marks(runIds: readonly RunId[], each: number): Promise<readonly EventMark[]>;
  insert(row: TimelineEvent): Promise<void>;
}
