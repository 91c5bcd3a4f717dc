import type { OrganizationId } from "../lib/ids.ts";

/** Owns everything below it and is the tenant boundary. */
export interface Organization {
  readonly id: OrganizationId;
  /** Unique. */
  readonly name: string;
  /** Most agents that may be connected at once over all pools; 0 is no limit. */
  readonly maxAgents: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Counts up with every change: the etag. */
  readonly version: number;
}
