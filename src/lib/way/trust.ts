import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import type { Environment } from "../environment.ts";
import { certificateBlocks } from "../net/pem.ts";

/** Which authorities may have signed a certificate. */
export interface Trust {
  /** In PEM; undefined: those that Node brings. */
  readonly ca: readonly string[] | undefined;
  /** Continues `trusted are `. */
  readonly words: string;
}

/** Where systems keep all authorities in one file, and each in a file of its own: the lists of Go's crypto/x509. */
const systemFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const systemDirectories = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/**
 * Whom TLS trusts: `ca` alone, if it is given. Else the authorities of the system, as curl, git and terraform take them: of
 * `SSL_CERT_FILE` and `SSL_CERT_DIR` (directories between colons), each of which takes the place of the system's own, and of
 * `NODE_EXTRA_CA_CERTS`. Where none can be read, those that Node brings.
 */
export async function trustOf(ca: string | undefined, environment: Environment): Promise<Trust> {
  if (ca !== undefined) return { ca: [ca], words: "the authorities of --ca-file" };
  const found = await systemAuthorities(environment);
  if (found.certificates.size === 0) return { ca: undefined, words: `${found.words}, and those of Node` };
  const extra = getCACertificates("extra").flatMap(certificateBlocks);
  return { ca: [...new Set([...found.certificates, ...extra])], words: found.words };
}

interface Found {
  readonly certificates: ReadonlySet<string>;
  readonly words: string;
}

async function systemAuthorities({
  SSL_CERT_FILE: file = "",
  SSL_CERT_DIR: directories = "",
}: Environment): Promise<Found> {
  const isOwnStore = process.platform === "darwin" || process.platform === "win32";
  if (isOwnStore && file === "" && directories === "") {
    return { certificates: new Set(getCACertificates("system")), words: "the authorities of this system" };
  }
  const files = file === "" ? systemFiles : [file];
  const places = directories === "" ? systemDirectories : directories.split(":").filter((one) => one !== "");
  const texts = [await firstReadable(files), ...(await Promise.all(places.map(readDirectory))).flat()];
  const certificates = new Set(texts.flatMap((text) => (text === undefined ? [] : certificateBlocks(text))));
  return { certificates, words: wordsOf({ file, directories, isRead: texts[0] !== undefined }) };
}

function wordsOf({ file, directories, isRead }: { file: string; directories: string; isRead: boolean }): string {
  const named = [
    ...(file === "" ? [] : [`SSL_CERT_FILE (${file}${isRead ? "" : ", which cannot be read"})`]),
    ...(directories === "" ? [] : [`SSL_CERT_DIR (${directories})`]),
  ];
  return `the authorities of ${named.length === 0 ? "this system" : named.join(" and ")}`;
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readFile(path, "latin1").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The texts of its files, each once: the hashed names that OpenSSL wants are links to others of the same directory. */
async function readDirectory(directory: string): Promise<readonly (string | undefined)[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory() || (entry.isSymbolicLink() && (await pointsBeside(path)))) return undefined;
      return readFile(path, "latin1").catch(() => undefined);
    }),
  );
}

async function pointsBeside(path: string): Promise<boolean> {
  const target = await readlink(path).catch(() => "");
  return target !== "" && !target.includes("/");
}
