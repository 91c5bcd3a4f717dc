import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, resolve } from "node:path";
import type { LineCounter, YAMLError, Document as YamlDocument } from "yaml";
import type { z } from "zod";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { fieldOf } from "../../lib/values/records.ts";
import { CliError, usageError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import { type Io, readStdin } from "../terminal/io.ts";
import { anyDocument, type Document, kindOrder, resourceOf } from "./documents.ts";
import { issueWords } from "./issue-words.ts";

/** A document and the file it stands in, against which its files are named. */
export interface Loaded {
  readonly document: Document;
  readonly file: string;
  /** Its first line. */
  readonly line: number;
}

/** Reads files, the `.yaml`, `.yml` and `.json` files of folders, and stdin for `-`; all problems are told at once. */
export async function loadManifest(io: Io, paths: readonly string[]): Promise<readonly Loaded[]> {
  if (paths.length === 0) throw usageError("-f is needed: a file, a folder, or - for stdin");
  const loaded: Loaded[] = [];
  const problems: string[] = [];
  for (const { file, text } of await readAll(io, paths)) {
    const read = await readDocuments(file, text);
    loaded.push(...read.loaded);
    problems.push(...read.problems);
  }
  problems.push(...duplicates(loaded));
  if (problems.length > 0) {
    throw new CliError(
      "usage",
      `the manifest has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:`,
      { details: problems },
    );
  }
  if (loaded.length === 0) throw usageError("the manifest has no documents");
  return loaded.toSorted((a, b) => kindOrder.indexOf(a.document.kind) - kindOrder.indexOf(b.document.kind));
}

interface Source {
  readonly file: string;
  readonly text: string;
}

async function readAll(io: Io, paths: readonly string[]): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for (const path of paths) {
    if (path === "-") sources.push({ file: "-", text: await readStdin(io) });
    else
      for (const file of await filesOf(io, path))
        sources.push({ file, text: await readFile(resolve(io.workingDirectory, file), "utf8") });
  }
  return sources;
}

async function filesOf({ workingDirectory }: Io, path: string): Promise<readonly string[]> {
  const full = resolve(workingDirectory, path);
  const found = await stat(full).catch((error: unknown) => {
    throw usageError(
      `${path} cannot be read: ${errnoOf(error) === "ENOENT" ? "there is no such file" : messageOf(error)}`,
    );
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(full, { recursive: true })).filter((each) => /^\.(ya?ml|json)$/.test(extname(each)));
  if (names.length === 0) throw usageError(`${path} holds no .yaml, .yml or .json files`);
  return names.sort().map((each) => relative(workingDirectory, join(full, each)));
}

async function readDocuments(file: string, text: string): Promise<{ loaded: Loaded[]; problems: string[] }> {
  const { LineCounter: Counter, parseAllDocuments } = await import("yaml");
  const lines = new Counter();
  const parsed = parseAllDocuments(text, { lineCounter: lines });
  const loaded: Loaded[] = [];
  const problems: string[] = [];
  for (const yaml of "length" in parsed ? [...parsed] : []) {
    const at = { file, yaml, lines };
    if (yaml.errors.length > 0) problems.push(...yaml.errors.map((error) => yamlProblem(file, error)));
    else if (yaml.contents !== null) readOne(at, { loaded, problems });
  }
  return { loaded, problems };
}

/** The parser ends its first line with the place. */
function yamlProblem(file: string, { message, linePos }: YAMLError): string {
  const [first = ""] = message.split("\n");
  const what = first.replace(/ at line \d+, column \d+:?$/, "");
  return `${file}:${linePos?.[0].line ?? 1}: this is no YAML: ${lowerFirst(what)}`;
}

interface At {
  readonly file: string;
  readonly yaml: YamlDocument.Parsed;
  readonly lines: LineCounter;
}

function readOne(at: At, { loaded, problems }: { loaded: Loaded[]; problems: string[] }): void {
  let content: unknown;
  try {
    content = at.yaml.toJS();
  } catch (error) {
    // Aliases of nothing, and such that grow without end.
    problems.push(`${where(at, [])}: ${error instanceof Error ? lowerFirst(error.message) : String(error)}`);
    return;
  }
  const checked = anyDocument.safeParse(content);
  if (checked.success) {
    loaded.push({ document: checked.data, file: at.file, line: lineAt(at, []) });
    return;
  }
  problems.push(...issueProblems(at, checked.error.issues, content));
}

/** One sentence for each thing that is wrong, in the order of the file. */
function issueProblems(at: At, issues: readonly z.core.$ZodIssue[], content: unknown): readonly string[] {
  const found = issues.flatMap((issue): readonly { readonly path: Path; readonly what: string }[] => {
    const path = issue.path.filter((step) => typeof step !== "symbol");
    if (issue.code !== "unrecognized_keys") {
      const field = path.length === 0 ? "" : `${path.join(".")}: `;
      return [{ path, what: `${field}${lowerFirst(issueWords(issue, content))}` }];
    }
    return issue.keys.map((key) => ({
      path: [...path, key],
      what: `unknown field "${[...path, key].join(".")}"${nearest(key)}`,
    }));
  });
  return found
    .toSorted((a, b) => lineAt(at, a.path) - lineAt(at, b.path))
    .map(({ path, what }) => `${where(at, path)}: ${what}`);
}

type Path = readonly (string | number)[];

const known = [
  ...["apiVersion", "kind", "metadata", "spec", "name", "organization", "description", "maxAgents", "maxWorkspaces"],
  ...["defaultExecutionMode", "defaultEngine", "organizationScoped", "grantedWorkspaces", "global", "workspaces"],
  ...["priority"],
  ...["variables", "executionMode", "pool", "engine", "version", "workingDirectory", "autoApply", "tags"],
  ...["agentSelector", "planTimeout", "applyTimeout", "initTimeout", "parallelism", "shareState", "shareStateWith"],
  ...["value", "valueFrom", "env", "file", "hcl", "sensitive", "sources", "registries", "caCertificates", "include"],
  ...["filesystemMirror", "networkMirror", "direct", "exclude", "host", "tokenFrom"],
];

const nearest = (key: string): string => {
  const suggestion = didYouMean(key, known, (name) => name);
  return suggestion === "" ? "" : `.${suggestion}`;
};

const where = (at: At, path: readonly (string | number)[]): string => `${at.file}:${lineAt(at, path)}`;

/** The line of the innermost part of the path that is there. */
function lineAt({ yaml, lines }: At, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const range = fieldOf(yaml.getIn(path.slice(0, length), true), "range");
    const start: unknown = Array.isArray(range) ? range[0] : undefined;
    if (typeof start === "number") return lines.linePos(start).line;
  }
  return 1;
}

const lowerFirst = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`;

function duplicates(loaded: readonly Loaded[]): readonly string[] {
  const byName = Map.groupBy(
    loaded,
    ({ document }) => `${document.metadata.organization ?? ""}/${resourceOf(document)}`,
  );
  return [...byName.values()].flatMap((same) => {
    const [first, second] = same;
    if (first === undefined || second === undefined) return [];
    return [
      `${second.file}:${second.line}: ${resourceOf(second.document)} stands in ${first.file}:${first.line} already`,
    ];
  });
}
