import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Environment, readEnvironment } from "../../lib/environment.ts";
import type { DatabaseAddress, DatabaseHost } from "../../lib/net/database-url.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";

/** Who asks which database, for the lines of a file of passwords. */
export interface PasswordQuestion extends DatabaseHost {
  readonly database: string;
  readonly user: string;
}

/**
 * What a connection says when it is asked for a password: that of the URL, of the file of the settings, of PGPASSWORD, or of a file
 * as psql reads it (`passfile`, PGPASSFILE, ~/.pgpass). Files are read anew, so that a new password needs no restart.
 */
export function passwordOf(
  { password, passFile }: Pick<DatabaseAddress, "password" | "passFile">,
  passwordFile: string | undefined,
  environment: Environment = readEnvironment(),
): (question: PasswordQuestion) => Promise<string> {
  return async (question) => {
    if (passwordFile !== undefined) return passwordIn(passwordFile);
    const given = password ?? environment.PGPASSWORD;
    if (given !== undefined) return given;
    const named = passFile ?? environment.PGPASSFILE;
    const found = await inPassFile(named ?? join(homedir(), ".pgpass"), question, named !== undefined);
    if (found !== undefined) return found;
    const ways = "name a file with it in --database-password-file, or in passfile= of the URL, or set PGPASSWORD";
    const where = named === undefined ? "" : `, and ${named} has no line for ${question.user} on ${question.host}`;
    throw unavailable(`PostgreSQL asks for a password, and --database-url has none${where}: ${ways}`);
  };
}

async function passwordIn(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw unavailable(`--database-password-file cannot be read: ${messageOf(error)}`);
  }
}

async function inPassFile(path: string, question: PasswordQuestion, isNamed: boolean): Promise<string | undefined> {
  const text = await safeText(path).catch((error: unknown) => {
    if (!isNamed && errnoOf(error) === "ENOENT") return undefined;
    throw error instanceof WindlassError ? error : unavailable(`the passfile cannot be read: ${messageOf(error)}`);
  });
  return text === undefined ? undefined : lineFor(text, question);
}

/** As psql, which does not take a password from a file that others can read. */
async function safeText(path: string): Promise<string> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    throw unavailable(`${path} holds passwords and can be read by others, so it is not used: chmod 600 ${path}`);
  return readFile(path, "utf8");
}

/** Lines of `host:port:database:user:password`; `*` fits anything, `\:` and `\\` stand for themselves. The first that fits counts. */
export function lineFor(text: string, { host, port, database, user }: PasswordQuestion): string | undefined {
  const hosts = host === undefined || host.startsWith("/") ? ["localhost", host ?? ""] : [host];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const [itsHost = "", itsPort, itsDatabase, itsUser, password] = fieldsOf(line);
    const isFitting = itsHost === "*" || hosts.includes(itsHost);
    if (!isFitting || !fits(itsPort, String(port)) || !fits(itsDatabase, database) || !fits(itsUser, user)) continue;
    if (password !== undefined && password !== "") return password;
  }
  return undefined;
}

const fits = (field: string | undefined, value: string): boolean => field === "*" || field === value;

/** What follows the fourth colon is the password; a colon in it need not be escaped. */
function fieldsOf(line: string): readonly string[] {
  const parts = /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/.exec(line);
  return (parts ?? []).slice(1).map((part) => part.replace(/\\([:\\])/g, "$1"));
}

const unavailable = (message: string) => new WindlassError("storage_unavailable", message);
