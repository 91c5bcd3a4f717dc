import * as z from "zod";
import { WindlassError } from "../../lib/words/errors.ts";

/** Of the archive's form; another one is refused. */
export const backupFormat = 1;
export const manifestName = "manifest.json";

const schema = z.object({
  format: z.literal(backupFormat),
  /** Of the windlassd that made it. */
  version: z.string(),
  engine: z.enum(["sqlite", "postgres"]),
  schemaVersion: z.int().min(0),
  /** Cluster generation. */
  generation: z.string(),
  createdAt: z.iso.datetime().transform((text) => new Date(text)),
  /** Id of the master key that the contents need. */
  masterKeyId: z.string(),
  hasMasterKey: z.boolean(),
  /** Where the objects lie that belong to it; absent if they are in it, or in the database. */
  objectsIn: z.string().optional(),
  parts: z.array(z.object({ name: z.string(), bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/** What a backup says of itself; it stands first in the archive. */
export type Manifest = z.infer<typeof schema>;
/** A file of the archive. */
export type BackupPart = Manifest["parts"][number];

export const rowsPart = "windlass.db";
export const logsPart = "logs.db";
export const keyPart = "master.key";
export const blobPart = (key: string): string => `blobs/${key}`;

/** Refuses what is no manifest that this program knows. */
export function parseManifest(text: string): Manifest {
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw notABackup(`its manifest is not of format ${backupFormat} (${issue?.path.join(".")}: ${issue?.message})`);
}

/** Tar's plain headers count to 8 GiB: a larger file is several parts, `logs.db`, `logs.db.2` and so on. */
export const maxPartBytes = 4 * 2 ** 30;

export type PartName =
  /** `piece` counts from 1. */
  | { readonly kind: "file"; readonly file: string; readonly piece: number }
  | { readonly kind: "blob"; readonly key: string };

/** What a part is, by its name; undefined for a name that a backup does not have. */
export function readPartName(name: string): PartName | undefined {
  const [, key] = /^blobs\/([0-9a-f]{64})$/.exec(name) ?? [];
  if (key !== undefined) return { kind: "blob", key };
  const [, file = "", piece = "1"] = /^([a-z.]+)(?:\.([1-9]\d{0,4}))?$/.exec(name) ?? [];
  return [rowsPart, logsPart, keyPart].includes(file) ? { kind: "file", file, piece: Number(piece) } : undefined;
}

export const notABackup = (why: string, cause?: unknown): WindlassError =>
  new WindlassError("validation", `the file is no whole backup of windlassd: ${why}`, { cause });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
