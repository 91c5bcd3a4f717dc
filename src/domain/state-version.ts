import type { JobId, OrganizationId, RunId, StateVersionId, WorkspaceId } from "../lib/ids.ts";

export type StateStatus = "current" | "superseded" | "quarantined";

/** One terraform state. Its bytes never change; its status does. */
export interface StateVersion {
  readonly id: StateVersionId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly runId: RunId | null;
  readonly jobId: JobId | null;
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
  readonly terraformVersion: string;
  readonly resourceCount: number;
  /** Who pushed it or rolled it back; empty if a run made it. */
  readonly createdBy: string;
  /** The state whose content it repeats. */
  readonly rollbackOf: StateVersionId | null;
  readonly createdAt: Date;
}

/** What names a state well enough to decide about it. */
export interface StateFacts {
  readonly lineage: string;
  readonly serial: number;
  readonly sha256: string;
}

export type StateDecision =
  | { readonly kind: "accept" }
  | { readonly kind: "known" }
  | { readonly kind: "quarantine"; readonly reason: string };

/** What is known of the run that brings a state. */
export interface Sender {
  readonly holdsWorkspace: boolean;
  /** Why its agent is not believed; undefined if it is. */
  readonly doubt: string | undefined;
}

/** Serials count writes; one far beyond any count would block every later state. */
const maxSerial = 2 ** 53 - 2 ** 20;

/**
 * What becomes of an uploaded state: within a lineage the serial only goes up, and only the run that holds the
 * workspace may move it. Nothing is dropped: what cannot become current is quarantined.
 */
export function decideState(
  current: StateFacts | null,
  incoming: StateFacts,
  { holdsWorkspace, doubt }: Sender,
): StateDecision {
  if (current !== null && current.lineage === incoming.lineage && current.serial === incoming.serial) {
    if (current.sha256 === incoming.sha256) return { kind: "known" };
    return { kind: "quarantine", reason: doubt ?? `serial ${incoming.serial} is already stored with another content` };
  }
  if (doubt !== undefined) return { kind: "quarantine", reason: doubt };
  if (incoming.serial > maxSerial) {
    return { kind: "quarantine", reason: `its serial ${incoming.serial} leaves no room for later ones` };
  }
  if (!holdsWorkspace) return { kind: "quarantine", reason: "its run no longer holds the workspace" };
  if (current === null) return { kind: "accept" };
  if (current.lineage !== incoming.lineage) {
    return { kind: "quarantine", reason: `its lineage is ${incoming.lineage}, the workspace's is ${current.lineage}` };
  }
  if (incoming.serial < current.serial) {
    return { kind: "quarantine", reason: `its serial ${incoming.serial} is lower than the current ${current.serial}` };
  }
  return { kind: "accept" };
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
