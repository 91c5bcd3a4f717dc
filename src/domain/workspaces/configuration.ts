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
