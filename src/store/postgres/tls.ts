import { readFile } from "node:fs/promises";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import type { DatabaseTls } from "../../lib/net/database-url.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** What the driver is told about TLS. */
export interface DriverTls {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

interface Files {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * TLS as libpq has it: `require` trusts any certificate unless authorities are named, `verify-ca` one of a named authority whatever
 * its name, `verify-full` only one for the host that was asked.
 */
export class DatabaseEncryption {
  readonly #tls: DatabaseTls;
  #files: Files | undefined;
  #context: SecureContext | undefined;

  constructor(tls: DatabaseTls) {
    this.#tls = tls;
  }

  /** Files that are read anew before each connection: certificates are renewed. */
  get hasFiles(): boolean {
    return this.#tls.mode !== "disable";
  }

  /** Reads the files again; throws what says which cannot be used. */
  async refresh(): Promise<void> {
    const files = await this.#read();
    const last = this.#files;
    if (last !== undefined && last.ca === files.ca && last.cert === files.cert && last.key === files.key) return;
    this.#context = this.#contextOf(files);
    this.#files = files;
  }

  /** For the next connection, after `refresh`. */
  forDriver(): DriverTls {
    const { mode, rootCert } = this.#tls;
    const isChecked = mode === "verify-ca" || mode === "verify-full" || (mode === "require" && rootCert !== undefined);
    const secureContext = this.#context ?? createSecureContext();
    if (mode === "verify-full") return { secureContext, rejectUnauthorized: true };
    return { secureContext, rejectUnauthorized: isChecked, checkServerIdentity: () => undefined };
  }

  async #read(): Promise<Files> {
    const { rootCert, cert, key } = this.#tls;
    const [ca, certText, keyText] = await Promise.all([
      rootCert === "system" ? undefined : fileOf("sslrootcert", rootCert),
      fileOf("sslcert", cert),
      fileOf("sslkey", key),
    ]);
    return { ca, cert: certText, key: keyText };
  }

  #contextOf({ ca, cert, key }: Files): SecureContext {
    const { rootCert, keyPassword: passphrase } = this.#tls;
    try {
      return createSecureContext({
        ...(ca === undefined ? (rootCert === "system" ? { ca: getCACertificates("system") } : {}) : { ca }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
    } catch (cause) {
      throw unusable(`the certificates of --database-url cannot be used: ${messageOf(cause)}`, cause);
    }
  }
}

async function fileOf(name: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unusable(`${name} of --database-url cannot be read: ${messageOf(cause)}`, cause);
  }
}

const unusable = (message: string, cause: unknown) => new WindlassError("storage_unavailable", message, { cause });
