import type { ConfigurationId, OrganizationId, WorkspaceId } from "../../lib/words/ids.ts";

/** `pending` until its archive was taken; an archived one starts no more runs, and its bytes may be gone. */
export type ConfigurationStatus = "pending" | "uploaded" | "errored" | "archived";

/** An archive of terraform files. Once a run has used it, it never changes. */
export interface Configuration {
  readonly id: ConfigurationId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly status: ConfigurationStatus;
  /** Why its archive was refused; empty otherwise. */
  readonly errorMessage: string;
  /** Only for runs that apply nothing. */
  readonly isSpeculative: boolean;
  /** Not the workspace's newest one before a run that uses it was applied. */
  readonly isProvisional: boolean;
  /** A run starts once it is uploaded. */
  readonly queuesRun: boolean;
  /** Key of its bytes in the blob store; empty before they came. */
  readonly blobKey: string;
  readonly bytes: number;
  /** SHA-256 of the archive, in hex. */
  readonly sha256: string;
  readonly fileCount: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Null before its archive came, and in older rows. */
  readonly uploadedAt: Date | null;
}

/** What most configurations are once their archive was taken. */
export const plainConfiguration = {
  status: "uploaded",
  errorMessage: "",
  isSpeculative: false,
  isProvisional: false,
  queuesRun: false,
  uploadedAt: null,
} as const satisfies Partial<Configuration>;

/** A configuration as it is announced, and whose archive is to come under the same id. */
export const pendingConfiguration = {
  ...plainConfiguration,
  status: "pending",
  blobKey: "",
  bytes: 0,
  sha256: "",
  fileCount: 0,
} as const satisfies Partial<Configuration>;

/** Why no archive can come for it any more; undefined if it can. A second one takes the place of the first until a run has used it. */
export function whyNotTaken({ id, status }: Configuration, isUsed: boolean): string | undefined {
  if (status === "archived") return `configuration version ${id} is archived: create another one`;
  return isUsed ? `configuration version ${id} was used by a run, and never changes: create another one` : undefined;
}

/** Why a run cannot have it; undefined if it can. */
export function whyNotUsable({ id, status, errorMessage }: Configuration): string | undefined {
  switch (status) {
    case "uploaded":
      return undefined;
    case "pending":
      return `the archive of configuration version ${id} has not come yet: upload it first`;
    case "errored":
      return `the archive of configuration version ${id} was refused: ${errorMessage}`;
    case "archived":
      return `configuration version ${id} is archived: it starts no more runs`;
  }
}

/** What stands around a configuration that is to be archived. */
export interface ConfigurationSurroundings {
  readonly isCurrent: boolean;
  /** A run that has not ended needs it. */
  readonly isNeeded: boolean;
}

/** Why it cannot be archived; undefined if it can. Clients look for these words. */
export function whyNotArchived(
  { status }: Pick<Configuration, "status">,
  { isCurrent, isNeeded }: ConfigurationSurroundings,
): string | undefined {
  if (status !== "uploaded")
    return `transition not allowed: configuration could not be archived because it is ${status}`;
  if (isCurrent) return "transition not allowed: configuration could not be archived because it is current";
  if (isNeeded) return "transition not allowed: configuration could not be archived because a run uses it";
  return undefined;
}
