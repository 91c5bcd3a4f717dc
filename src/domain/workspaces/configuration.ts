import type { ConfigurationId, OrganizationId, WorkspaceId } from "../../lib/words/ids.ts";

/** An uploaded archive of terraform files. It never changes. */
export interface Configuration {
  readonly id: ConfigurationId;
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  /** Key of its bytes in the blob store. */
  readonly blobKey: string;
  readonly bytes: number;
  /** SHA-256 of the archive, in hex. */
  readonly sha256: string;
  readonly fileCount: number;
  readonly createdBy: string;
  readonly createdAt: Date;
}
