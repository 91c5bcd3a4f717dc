import type { Kit } from "../engine/kit.ts";

/** Logs and objects on PostgreSQL. Their stores speak SQL of their own: these definitions only make the migrations. */
export function defineBytes(k: Kit) {
  const logStreams = k.table("log_streams", {
    name: k.text("name").primaryKey(),
    length: k.int("length").notNull(),
    status: k.text<"open" | "sealed" | "gap">("status").notNull(),
    missing: k.int("missing"),
    sha256: k.text("sha256"),
    // Key of the object in which its bytes lie: then it has no pieces.
    archive: k.text("archive"),
  });
  const logPieces = k.table(
    "log_pieces",
    { stream: k.text("stream").notNull(), start: k.int("start").notNull(), bytes: k.bytes("bytes").notNull() },
    (t) => [k.primaryKey({ columns: [t.stream, t.start] })],
  );
  // From which byte of a stream on bytes came at which time, in milliseconds since 1970.
  const logTimes = k.table(
    "log_times",
    {
      stream: k
        .text("stream")
        .notNull()
        .references(() => logStreams.name, { onDelete: "cascade" }),
      start: k.int("start").notNull(),
      atMs: k.int("at_ms").notNull(),
    },
    (t) => [k.primaryKey({ columns: [t.stream, t.start] })],
  );
  const blobs = k.table("blobs", {
    key: k.text("key").primaryKey(),
    upload: k.text("upload").notNull(),
    bytes: k.int("bytes").notNull(),
  });
  // An upload under way: its pieces belong to no object yet.
  const blobUploads = k.table("blob_uploads", {
    upload: k.text("upload").primaryKey(),
    startedAt: k.instant("started_at").notNull(),
  });
  const blobPieces = k.table(
    "blob_pieces",
    { upload: k.text("upload").notNull(), position: k.int("position").notNull(), bytes: k.bytes("bytes").notNull() },
    (t) => [k.primaryKey({ columns: [t.upload, t.position] })],
  );
  return { logStreams, logPieces, logTimes, blobs, blobUploads, blobPieces };
}
