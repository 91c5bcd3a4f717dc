import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WindlassError } from "../../lib/words/errors.ts";

/** What a provider's package holds. */
export interface PackageContent {
  /** Paths of its files from its root, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** Changes with every write to a file and every other file under its name: the change time is the kernel's. */
  readonly identity: string;
}

/** Providers have one to ten files. */
const maxFiles = 10_000;

/** Looks at a package without reading its files. Throws `validation` for links, devices and names that cannot be hashed. */
export async function lookAtPackage(root: string): Promise<PackageContent> {
  const files: string[] = [];
  const identities: string[] = [];
  let bytes = 0;
  for (const directories = [""]; directories.length > 0; ) {
    const directory = directories.pop() ?? "";
    for (const name of await readdir(join(root, directory))) {
      const path = join(directory, name);
      const found = await lstat(join(root, path), { bigint: true });
      if (found.isDirectory()) directories.push(path);
      else if (!found.isFile() || path.includes("\n"))
        throw refused(`it holds ${JSON.stringify(path)}, which is no plain file`);
      else {
        files.push(path);
        bytes += Number(found.size);
        const { dev, ino, size, mode, mtimeNs, ctimeNs } = found;
        identities.push([path, dev, ino, size, mode, mtimeNs, ctimeNs].join(" "));
      }
      if (files.length + directories.length > maxFiles) throw refused(`it has more than ${maxFiles} files`);
    }
  }
  return { files: files.sort(byBytes), bytes, identity: identities.sort().join("\n") };
}

const refused = (why: string) => new WindlassError("validation", `the package is refused: ${why}`);
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The `h1:` hash of a package, as lock files have it. Source: golang.org/x/mod/sumdb/dirhash, Hash1. */
export async function hashPackage(root: string, { files }: Pick<PackageContent, "files">): Promise<string> {
  const sum = createHash("sha256");
  for (const file of files) sum.update(`${await sha256Of(join(root, file))}  ${file}\n`);
  return `h1:${sum.digest("base64")}`;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(bytes);
  return hash.digest("hex");
}
