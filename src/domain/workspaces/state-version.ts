import type { JobId, OrganizationId, RunId, StateVersionId, WorkspaceId } from "../../lib/words/ids.ts";
import type { WorkspaceLock } from "./workspace.ts";

export type StateStatus = "current" | "superseded" | "quarantined";

/** One terraform state. Its bytes never change; its status does. */
export interface StateVersion {
  readonly id: StateVersionId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly runId: RunId | null;
  readonly jobId: JobId | null;
  /** Counts the states of its job in the order in which they were written; 0 if nobody counted. */
  readonly jobSequence: number;
  /** The last word of its job. */
  readonly isFinal: boolean;
  /** Serial of the state that its job began with; null if there was none, or no job made this one. */
  readonly baseSerial: number | null;
  readonly lineage: string;
  readonly serial: number;
  readonly status: StateStatus;
  /** Why it is quarantined; empty otherwise. */
  readonly quarantineReason: string;
  /** SHA-256 of the state in clear, in hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Key of the encrypted bytes in the blob store. */
  readonly blobKey: string;
  /** Key of its form for programs, which its uploader made with `terraform show -json`; null without one. */
  readonly jsonBlobKey: string | null;
  /** Another one followed while its uploader held the workspace: an operation on their own machine went on. */
  readonly isIntermediate: boolean;
  readonly terraformVersion: string;
  readonly resourceCount: number;
  /** Why it was not read, and its resources are not counted; empty if it was. */
  readonly unreadReason: string;
  /** Who pushed it or rolled it back; empty if a run made it. */
  readonly createdBy: string;
  /** The state whose content it repeats. */
  readonly rollbackOf: StateVersionId | null;
  readonly createdAt: Date;
}

/** A state that is announced, and whose bytes are to come under the same id. */
export interface StateAnnouncement {
  readonly id: StateVersionId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly runId: RunId | null;
  readonly lineage: string;
  readonly serial: number;
  /** MD5 of the bytes in hex, as clients of the TFE API announce them; no safeguard against forgery. */
  readonly md5: string;
  /** Whatever the workspace's state is. */
  readonly isForced: boolean;
  readonly isIntermediate: boolean;
  /** As in a state version. */
  readonly jsonBlobKey: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** What names a state well enough to decide about it. */
export interface StateFacts {
  readonly lineage: string;
  readonly serial: number;
  readonly sha256: string;
}

/** A state that an agent brings. */
export type IncomingState = StateFacts & Pick<StateVersion, "jobSequence" | "isFinal">;

/** A state that is stored. */
export type StoredState = IncomingState & Pick<StateVersion, "jobId" | "baseSerial">;

export type StateDecision =
  /** `baseSerial` as in a state version. */
  | { readonly kind: "accept"; readonly baseSerial: number | null }
  | { readonly kind: "known" }
  /** Its job has said something later. */
  | { readonly kind: "outdated" }
  | { readonly kind: "quarantine"; readonly reason: string };

/** What is known of the job that brings a state. */
export interface Sender {
  readonly jobId: JobId;
  /** Its run holds the workspace. */
  readonly holdsWorkspace: boolean;
  /** Why its agent is not believed; undefined if it is. */
  readonly doubt: string | undefined;
  /** Why the agent itself says that it cannot be the workspace's state; undefined if it may be. */
  readonly asideReason: string | undefined;
  /** The newest state that the job has brought, wherever it was put. */
  readonly newest: StoredState | null;
}

/** Serials count writes; one far beyond any count would block every later state. */
const maxSerial = 2 ** 53 - 2 ** 20;

/**
 * What becomes of an uploaded state. Only the run that holds the workspace may move it, within the lineage and to no
 * lower serial than that of the state its job began with. Among the states of a job its last word counts, whatever
 * their serials and the order in which they come. Nothing is dropped but what its job has replaced: what cannot become
 * current is quarantined.
 */
export function decideState(current: StoredState | null, incoming: IncomingState, sender: Sender): StateDecision {
  if (incoming.jobSequence === 0 && sender.asideReason === undefined && isSame(current, incoming)) {
    return { kind: "known" };
  }
  if (sender.asideReason === undefined && isOutdated(incoming, sender.newest)) {
    // Nobody says two different last words: where it happens all the same, a person sees both.
    return incoming.isFinal ? { kind: "quarantine", reason: "its job has a later last state" } : { kind: "outdated" };
  }
  const base = current === null || incoming.jobSequence === 0 ? current : baseOf(current, sender.jobId);
  const reason = whyAside({ current, base, incoming, sender });
  return reason === undefined ? { kind: "accept", baseSerial: base?.serial ?? null } : { kind: "quarantine", reason };
}

const isSame = (current: StoredState | null, { lineage, serial, sha256 }: StateFacts): boolean =>
  current?.lineage === lineage && current.serial === serial && current.sha256 === sha256;

/** Its job's last word stands against everything but a later one. Without a count, the serial decides. */
function isOutdated({ isFinal, jobSequence }: IncomingState, newest: StoredState | null): boolean {
  if (newest === null || newest.jobSequence === 0 || jobSequence === 0) return false;
  return isFinal === newest.isFinal ? jobSequence <= newest.jobSequence : newest.isFinal;
}

type Base = Pick<StateFacts, "lineage" | "serial">;

/**
 * The state that a job began with; null if the workspace had none. Of states that nobody counted, the current one
 * stands for it.
 */
function baseOf({ lineage, serial, jobId, jobSequence, baseSerial }: StoredState, sender: JobId): Base | null {
  if (jobId !== sender || jobSequence === 0) return { lineage, serial };
  return baseSerial === null ? null : { lineage, serial: baseSerial };
}

interface Case {
  readonly current: StoredState | null;
  readonly base: Base | null;
  readonly incoming: IncomingState;
  readonly sender: Sender;
}

function whyAside({ current, base, incoming, sender }: Case): string | undefined {
  const { lineage, serial } = incoming;
  if (sender.doubt !== undefined) return sender.doubt;
  if (sender.asideReason !== undefined) return sender.asideReason;
  if (serial > maxSerial) return `its serial ${serial} leaves no room for later ones`;
  if (!sender.holdsWorkspace) return "its run no longer holds the workspace";
  if (base === null) return undefined;
  if (base.lineage !== lineage) return `its lineage is ${lineage}, the workspace's is ${base.lineage}`;
  if (incoming.jobSequence > 0) {
    return serial < base.serial
      ? `its serial ${serial} is lower than ${base.serial}, that of the state its job began with`
      : undefined;
  }
  if (serial === current?.serial) return `serial ${serial} is already stored with another content`;
  return serial < base.serial ? `its serial ${serial} is lower than the current ${base.serial}` : undefined;
}

export type PushDecision =
  | { readonly kind: "accept" }
  /** It is the workspace's state already. */
  | { readonly kind: "known" }
  | { readonly kind: "other_lineage" }
  | { readonly kind: "old_serial" }
  | { readonly kind: "serial_too_high" };

/** What becomes of a state that a person pushes. Force replaces another history, or goes back in this one. */
export function decidePush(current: StateFacts | null, incoming: StateFacts, isForced: boolean): PushDecision {
  if (current !== null && current.sha256 === incoming.sha256) return { kind: "known" };
  if (incoming.serial > maxSerial) return { kind: "serial_too_high" };
  if (current === null || isForced) return { kind: "accept" };
  if (current.lineage !== incoming.lineage) return { kind: "other_lineage" };
  return incoming.serial > current.serial ? { kind: "accept" } : { kind: "old_serial" };
}

/** A state that a client announces, or brings under a name of its own. */
export interface NamedState {
  /** Empty: as the state itself says, which is not known yet. */
  readonly lineage: string;
  readonly serial: number;
  readonly isForced: boolean;
  /** It has the bytes of the workspace's state. */
  readonly isSame: boolean;
}

/**
 * What becomes of a state whose lineage and serial its client names: these count, whatever the state itself says. The same again
 * under the same name is known; force replaces anything else.
 */
export function decideNamed(current: Pick<StateFacts, "lineage" | "serial"> | null, incoming: NamedState): PushDecision {
  const { lineage, serial, isForced, isSame } = incoming;
  const isOfLineage = lineage === "" || lineage === current?.lineage;
  if (isSame && isOfLineage && serial === current?.serial) return { kind: "known" };
  if (serial > maxSerial) return { kind: "serial_too_high" };
  if (current === null || isForced) return { kind: "accept" };
  if (!isOfLineage) return { kind: "other_lineage" };
  return serial > current.serial ? { kind: "accept" } : { kind: "old_serial" };
}

/** Lists are ordered by time, and versions may share a serial: the current one comes first whatever the clock does. */
export const timeAfter = (current: Pick<StateVersion, "createdAt"> | undefined, now: Date): Date =>
  current === undefined || now > current.createdAt ? now : new Date(current.createdAt.getTime() + 1);

/** Whether a state was brought by whoever holds the workspace, since they hold it: the next one shows that it was not their last. */
export const isOfHold = (state: StateVersion, lock: WorkspaceLock | null): boolean =>
  lock?.kind === "person" && state.jobId === null && state.createdBy === lock.by && state.createdAt >= lock.at;
