import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { computed, Failure, optional, type Resource, required } from "./kinds.ts";
import { text, unknown, type Values } from "./values.ts";

const digest = (algorithm: "sha1" | "sha256", bytes: Uint8Array) => createHash(algorithm).update(bytes).digest("hex");

function bytesOf(path: string, attribute: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "no such file or directory" : String(code);
    throw new Failure("Unable to read the file", `open ${path}: ${reason}`, attribute);
  }
}

function present(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * A file with a content, as local_file: a directory without it lacks the object, and the same content is the same
 * object.
 */
export const file: Resource = {
  attributes: [
    required("filename"),
    optional("content"),
    optional("sensitive_content", "string", { isSensitive: true }),
    optional("source"),
    computed("id"),
    computed("content_sha256"),
  ],
  replacedBy: ["filename", "content", "sensitive_content", "source"],
  create: (_context, wanted) => {
    const bytes = contentOf(wanted);
    mkdirSync(dirname(text(wanted.filename)), { recursive: true });
    writeFileSync(text(wanted.filename), bytes);
    return { id: digest("sha1", bytes), content_sha256: digest("sha256", bytes) };
  },
  read: (_context, state) => {
    const bytes = present(text(state.filename));
    return bytes !== undefined && digest("sha1", bytes) === state.id ? state : null;
  },
  remove: (_context, state) => rmSync(text(state.filename), { force: true }),
};

function contentOf({ content, sensitive_content, source }: Values): Buffer {
  return source === null ? Buffer.from(text(content ?? sensitive_content)) : bytesOf(text(source), "source");
}

/** Takes a file's bytes when it is applied, as functions in a cloud take a zip: what a plan has made must be there. */
export const upload: Resource = {
  attributes: [
    required("source"),
    optional("source_hash"),
    computed("id"),
    computed("sha256"),
    computed("size", "number"),
  ],
  replacedBy: ["source"],
  plan: (wanted, before) =>
    before === null || before.source_hash === wanted.source_hash ? wanted : { ...wanted, ...unknownContent },
  create: (_context, wanted) => ({ id: text(wanted.source), ...taken(wanted) }),
  update: (_context, wanted) => taken(wanted),
};

const unknownContent = { sha256: unknown, size: unknown };

function taken(wanted: Values) {
  const bytes = bytesOf(text(wanted.source), "source");
  return { sha256: digest("sha256", bytes), size: bytes.length };
}
