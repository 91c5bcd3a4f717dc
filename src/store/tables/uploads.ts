import type { OrganizationId } from "../../lib/words/ids.ts";
import type { Kit } from "../engine/kit.ts";

/** Objects that come in parts, until they are used. Who uploads them may be gone: no foreign key. */
export function defineUploads(k: Kit) {
  const uploads = k.table(
    "uploads",
    {
      id: k.text("id").primaryKey(),
      owner: k.text("owner").notNull(),
      organizationId: k.text<OrganizationId>("organization_id").notNull(),
      isOfJob: k.bool("is_of_job").notNull(),
      sha256: k.text("sha256").notNull(),
      bytes: k.int("bytes").notNull(),
      received: k.int("received").notNull(),
      createdAt: k.instant("created_at").notNull(),
    },
    (t) => [
      k.uniqueIndex("uploads_owner").on(t.owner, t.sha256, t.bytes),
      k.index("uploads_organization").on(t.organizationId),
      k.index("uploads_created").on(t.createdAt, t.id),
    ],
  );
  const uploadParts = k.table(
    "upload_parts",
    {
      uploadId: k
        .text("upload_id")
        .notNull()
        .references(() => uploads.id, { onDelete: "cascade" }),
      start: k.int("start").notNull(),
      bytes: k.int("bytes").notNull(),
      blobKey: k.text("blob_key").notNull(),
    },
    (t) => [k.primaryKey({ columns: [t.uploadId, t.start] })],
  );
  return { uploads, uploadParts };
}
