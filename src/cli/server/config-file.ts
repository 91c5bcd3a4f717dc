import { mkdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Environment } from "../../lib/environment.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { isRecord } from "../../lib/values/records.ts";
import { variable } from "../line/environment.ts";
import { usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";

/** What a context or `WINDLASS_NO_DELETE` can refuse. */
export type Deniable = "delete" | "force" | "apply";

/** A saved server: where it is, who we are there, and what this context refuses to do. */
export interface SavedContext {
  readonly name: string;
  readonly address: string;
  readonly organization?: string | undefined;
  /** At most one of `token`, `tokenFile` and `tokenCommand` is used, in this order. */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** A program and its arguments that print the token. */
  readonly tokenCommand?: readonly string[] | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly deny?: readonly Deniable[] | undefined;
}

/** The contents of `config.yaml`. */
export interface ConfigFile {
  readonly current: string | undefined;
  readonly contexts: readonly SavedContext[];
}

export const emptyConfig: ConfigFile = { current: undefined, contexts: [] };

/** `$XDG_CONFIG_HOME/windlass/config.yaml`, or the same under `~/.config`. */
export function defaultConfigPath(environment: Environment): string {
  const home = variable(environment, "HOME") ?? homedir();
  return join(variable(environment, "XDG_CONFIG_HOME") ?? join(home, ".config"), "windlass", "config.yaml");
}

/**
 * Reads the file; one that does not exist is empty. Everybody on the machine being able to read it is refused, the
 * group being able to is a warning.
 */
export async function readConfig(path: string): Promise<{ config: ConfigFile; warnings: readonly string[] }> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw usageError(`${path} cannot be read: ${messageOf(error)}`);
  });
  if (found === undefined) return { config: emptyConfig, warnings: [] };
  const warnings = judgeMode(path, found.mode);
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    content = parse(await readFile(path, "utf8"));
  } catch (error) {
    throw usageError(`${path} is not readable YAML: ${messageOf(error)}`);
  }
  return { config: checkConfig(path, content), warnings };
}

/** Writes the whole file at once, readable by its owner only. */
export async function writeConfig(path: string, { current, contexts }: ConfigFile): Promise<void> {
  const [{ stringify }, { default: writeFileAtomic }] = await Promise.all([
    import("yaml"),
    import("write-file-atomic"),
  ]);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, stringify({ version: 1, current, contexts }), { mode: 0o600 });
}

/** The file with this context added or replaced, and in use. */
export const withContext = ({ contexts }: ConfigFile, context: SavedContext): ConfigFile => ({
  current: context.name,
  contexts: [...contexts.filter(({ name }) => name !== context.name), context],
});

function judgeMode(path: string, mode: number): readonly string[] {
  if (process.platform === "win32") return [];
  if ((mode & 0o007) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw usageError(`${path} holds tokens, and everybody on this machine can read it (mode ${octal})`, [
      { label: "Close it", command: `chmod 600 ${path}` },
    ]);
  }
  return (mode & 0o070) === 0 ? [] : [`${path} holds tokens, and its group can read it: chmod 600 ${path}`];
}

type FieldKind = "text" | "texts" | "switch" | "denials";

const contextFields: Readonly<Record<keyof SavedContext, FieldKind>> = {
  name: "text",
  address: "text",
  organization: "text",
  token: "text",
  tokenFile: "text",
  tokenCommand: "texts",
  caFile: "text",
  certFile: "text",
  keyFile: "text",
  serverName: "text",
  insecure: "switch",
  deny: "denials",
};

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");

const fieldChecks: Readonly<Record<FieldKind, { expected: string; isRight: (value: unknown) => boolean }>> = {
  text: { expected: "some text", isRight: (value) => typeof value === "string" && value !== "" },
  texts: { expected: "a list of texts", isRight: isTexts },
  switch: { expected: "true or false", isRight: (value) => typeof value === "boolean" },
  denials: {
    expected: "a list of delete, force, apply",
    isRight: (value) => isTexts(value) && value.every((one) => ["delete", "force", "apply"].includes(one)),
  },
};

function checkConfig(path: string, content: unknown): ConfigFile {
  if (content === null || content === undefined) return emptyConfig;
  const { version, current, contexts, ...rest } = asRecord(content, path, "the file");
  refuseUnknown(path, "the file", Object.keys(rest), ["version", "current", "contexts"]);
  if (version !== 1) throw usageError(`${path}: expected version: 1, got ${JSON.stringify(version)}`);
  if (contexts !== undefined && !Array.isArray(contexts)) throw usageError(`${path}: contexts is a list`);
  return {
    current: typeof current === "string" ? current : undefined,
    contexts: (contexts ?? []).map((one: unknown, index: number) => checkContext(path, index, one)),
  };
}

function checkContext(path: string, index: number, content: unknown): SavedContext {
  const where = `context ${index + 1}`;
  const context = asRecord(content, path, where);
  refuseUnknown(
    path,
    where,
    Object.keys(context).filter((key) => !(key in contextFields)),
    Object.keys(contextFields),
  );
  for (const [key, kind] of Object.entries(contextFields)) {
    const value = context[key];
    const isNeeded = key === "name" || key === "address";
    if (value === undefined && !isNeeded) continue;
    const { expected, isRight } = fieldChecks[kind];
    // Values are not shown: one of them is the token.
    if (!isRight(value)) throw usageError(`${path}: ${key} of ${where} is ${expected}`);
  }
  // Every field has just been checked against `contextFields`.
  return context as unknown as SavedContext;
}

function asRecord(value: unknown, path: string, what: string): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw usageError(`${path}: ${what} is a mapping of names to values`);
}

function refuseUnknown(path: string, where: string, found: readonly string[], known: readonly string[]): void {
  const [first] = found;
  if (first !== undefined) throw usageError(`${path}: unknown key "${first}" in ${where}.${didYouMean(first, known)}`);
}
