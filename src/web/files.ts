import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { errnoOf } from "../lib/values/errors.ts";
import { lookUp } from "../lib/values/records.ts";

/** A file of the UI. */
export interface WebFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly etag: string;
  /** Its name tells its content: what was fetched once is good for ever. */
  readonly isImmutable: boolean;
}

export type WebEncoding = "br" | "gzip";

/** What the build has is a few hundred kilobytes: far more is not the UI. */
const maxBytes = 32 * 1024 * 1024;
/** What is smaller, or compressed already, is sent as it is. */
const smallestCompressed = 1024;

const utf8 = "; charset=utf-8";
const types: Readonly<Record<string, { readonly type: string; readonly isText: boolean }>> = {
  ".html": { type: `text/html${utf8}`, isText: true },
  ".js": { type: `text/javascript${utf8}`, isText: true },
  ".css": { type: `text/css${utf8}`, isText: true },
  ".svg": { type: "image/svg+xml", isText: true },
  ".json": { type: "application/json", isText: true },
  ".map": { type: "application/json", isText: true },
  ".webmanifest": { type: "application/manifest+json", isText: true },
  ".txt": { type: `text/plain${utf8}`, isText: true },
  ".png": { type: "image/png", isText: false },
  ".ico": { type: "image/x-icon", isText: false },
  ".woff2": { type: "font/woff2", isText: false },
};
const unknownType = { type: "application/octet-stream", isText: false } as const;

const typeOf = (path: string) => lookUp(types, extname(path)) ?? unknownType;

/**
 * The files of the built UI, as they were when they were read. They are looked up by their whole path and by nothing else, and
 * stay in memory: a package that is replaced below a running server changes no answer.
 */
export class WebFiles {
  readonly #files: ReadonlyMap<string, WebFile>;
  readonly #compressed = new Map<string, Promise<Buffer>>();
  readonly index: WebFile;

  constructor(files: ReadonlyMap<string, WebFile>, index: WebFile) {
    this.#files = files;
    this.index = index;
  }

  /** The file of a path of the port: `/assets/index-DSO9LLEX.js`. */
  find(path: string): WebFile | undefined {
    return this.#files.get(path);
  }

  /** The file in an encoding; made when it is first asked for. Undefined if that does not pay. */
  encoded(file: WebFile, encoding: WebEncoding): Promise<Buffer> | undefined {
    if (!isCompressible(file)) return undefined;
    const key = `${encoding} ${file.etag}`;
    const made = this.#compressed.get(key) ?? compressions[encoding](file.bytes);
    this.#compressed.set(key, made);
    return made;
  }
}

/** True for a file of which there are several encodings. */
export const isCompressible = ({ type, bytes }: WebFile): boolean =>
  bytes.length >= smallestCompressed && Object.values(types).some((one) => one.type === type && one.isText);

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
const brotliQuality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

const compressions: Readonly<Record<WebEncoding, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) => brotli(bytes, brotliQuality),
  gzip: (bytes) => zip(bytes, { level: 9 }),
};

export type WebFilesFound =
  | { readonly kind: "found"; readonly files: WebFiles }
  | { readonly kind: "missing"; readonly why: string };

/** Reads the built UI from its directory: at once, at a start, when nobody is served yet. */
export function readWebFiles(directory: string): WebFilesFound {
  const paths = pathsIn(directory);
  if (paths === undefined) return { kind: "missing", why: "it was not built" };
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  if (bytes > maxBytes) return { kind: "missing", why: `it has ${bytes} bytes: at most ${maxBytes} are served` };
  const files = new Map<string, WebFile>();
  for (const path of paths) {
    const shown = `/${relative(directory, path).split(sep).join("/")}`;
    files.set(shown, fileOf(shown, readFileSync(path)));
  }
  const index = files.get("/index.html");
  if (index === undefined) return { kind: "missing", why: "it has no index.html" };
  files.delete("/index.html");
  return { kind: "found", files: new WebFiles(files, index) };
}

function pathsIn(directory: string): readonly string[] | undefined {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

const fileOf = (path: string, bytes: Buffer): WebFile => ({
  type: typeOf(path).type,
  bytes,
  etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`,
  isImmutable: path.startsWith("/assets/"),
});
