import type { OrganizationId } from "../../lib/words/ids.ts";
import type { IdPage } from "./pages.ts";

/** An object that comes in parts. */
export interface Upload {
  readonly id: string;
  /** Who uploads it, and for what: objects of others are not found. */
  readonly owner: string;
  readonly organizationId: OrganizationId;
  readonly isOfJob: boolean;
  /** Of the whole object, in hex, as announced. */
  readonly sha256: string;
  /** Its size, as announced. */
  readonly bytes: number;
  /** First byte that is missing. */
  readonly received: number;
  readonly createdAt: Date;
}

/** A part of it, sealed in an object of its own. Parts do not overlap. */
export interface UploadPart {
  readonly uploadId: string;
  readonly start: number;
  readonly bytes: number;
  readonly blobKey: string;
}

/** The queries of objects that come in parts. */
export interface UploadQueries {
  get(id: string): Promise<Upload | undefined>;
  find(owner: string, object: Pick<Upload, "sha256" | "bytes">): Promise<Upload | undefined>;
  /** All of an owner, the oldest first. */
  ofOwner(owner: string): Promise<readonly Upload[]>;
  /** What the people of an organization have begun. */
  begunByPeople(organizationId: OrganizationId): Promise<{ readonly count: number; readonly bytes: number }>;
  /** Those that were begun before `at`. */
  begunBefore(at: Date, page: IdPage): Promise<readonly Upload[]>;
  insert(row: Upload): Promise<void>;
  save(row: Upload): Promise<void>;
  /** With its parts; their objects stay. */
  delete(id: string): Promise<void>;
  /** The last part that begins at `offset` or before it. */
  partBefore(id: string, offset: number): Promise<UploadPart | undefined>;
  /** The first part that begins behind `offset`. */
  partBehind(id: string, offset: number): Promise<UploadPart | undefined>;
  /** All parts in their order. */
  parts(id: string): Promise<readonly UploadPart[]>;
  insertPart(row: UploadPart): Promise<void>;
}
