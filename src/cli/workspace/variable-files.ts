import { hclOf, quoted, readHclAssignments } from "../../lib/hcl/text.ts";
import { isJsonObject, type Json, JsonMistake, readJson } from "../../lib/json/json.ts";
import { usageError } from "../problems/problem.ts";

/** A variable as a file has it. */
export interface FileVariable {
  readonly key: string;
  readonly value: string;
  readonly isEnvironment: boolean;
  readonly isHcl: boolean;
}

/** The forms of files that can be read, as they are written in flags. */
export const fileForms = ["tfvars", "json", "env"] as const;
type FileForm = (typeof fileForms)[number];

/** The form that a file's name tells; undefined for a name that tells none. */
export function formOf(path: string): FileForm | undefined {
  const name = path.split("/").at(-1) ?? "";
  if (name.endsWith(".tfvars")) return "tfvars";
  if (name.endsWith(".tfvars.json")) return "json";
  return name === ".env" || name.endsWith(".env") || name.startsWith(".env.") ? "env" : undefined;
}

/** Reads the variables in a file's text. Throws a usage error that names the line. */
export function readVariables(form: FileForm, text: string, path: string): readonly FileVariable[] {
  switch (form) {
    case "tfvars":
      return readTfvars(text, path);
    case "json":
      return readTfvarsJson(text, path);
    case "env":
      return readEnv(text.replace(/^\ufeff/, ""), path);
  }
}

function readTfvars(text: string, path: string): readonly FileVariable[] {
  const read = readHclAssignments(text);
  if (read.kind === "malformed") throw usageError(`${path}:${read.line}: ${read.why}`);
  return read.assignments.map(({ name: key, expression, plain }) => ({
    key,
    value: plain ?? expression,
    isEnvironment: false,
    isHcl: plain === undefined,
  }));
}

function readTfvarsJson(text: string, path: string): readonly FileVariable[] {
  const content = jsonOf(text.replace(/^\ufeff/, ""), path);
  if (!isJsonObject(content)) {
    throw usageError(`${path}: expected one JSON object with a property for each variable`);
  }
  return [...content].map(([key, value]) => ({
    key,
    value: typeof value === "string" ? value : hclOf(value),
    isEnvironment: false,
    isHcl: typeof value !== "string",
  }));
}

function jsonOf(text: string, path: string): Json {
  try {
    return readJson(text, { refusesTwins: true });
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    const line = text.slice(0, error.at).split("\n").length;
    throw usageError(`${path}:${line}: this is no JSON: ${error.message}`);
  }
}

const assignmentPattern = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=[ \t]*/;

function readEnv(text: string, path: string): readonly FileVariable[] {
  const found = new Map<string, { readonly variable: FileVariable; readonly line: number }>();
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; ) {
    const line = lines[index] ?? "";
    const number = index + 1;
    if (line.trim() === "" || line.trim().startsWith("#")) {
      index += 1;
      continue;
    }
    const head = assignmentPattern.exec(line);
    const key = head?.[1];
    if (head === null || key === undefined) throw usageError(`${path}:${number}: expected a line such as NAME=value`);
    const twin = found.get(key);
    if (twin !== undefined) throw usageError(`${path}:${number}: ${key} is set on line ${twin.line} too`);
    const rest = [line.slice(head[0].length), ...lines.slice(index + 1)];
    const { value, linesRead } = envValue(rest, `${path}:${number}`);
    found.set(key, { variable: { key, value, isEnvironment: true, isHcl: false }, line: number });
    index += linesRead;
  }
  return [...found.values()].map(({ variable }) => variable);
}

interface EnvValue {
  readonly value: string;
  readonly linesRead: number;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** A value in quotes may go over lines; without quotes it ends with the line, or where a comment begins. */
function envValue([first = "", ...more]: readonly string[], place: string): EnvValue {
  const quote = first[0];
  if (quote !== '"' && quote !== "'") return { value: first.replace(/(^|\s+)#.*$/, "").trim(), linesRead: 1 };
  const text = [first, ...more].join("\n");
  const pattern = quote === '"' ? /^"((?:[^"\\]|\\[\s\S])*)"/ : /^'([^']*)'/;
  const inner = pattern.exec(text)?.[1];
  if (inner === undefined) throw usageError(`${place}: the quote ${quote} is not closed`);
  const after = text.slice(inner.length + 2).split("\n", 1)[0] ?? "";
  if (!/^\s*(#.*)?$/.test(after)) throw usageError(`${place}: something stands after the closing quote`);
  const value =
    quote === "'" ? inner : inner.replaceAll(/\\([\s\S])/g, (_, letter: string) => escapes[letter] ?? letter);
  return { value, linesRead: inner.split("\n").length };
}

/** A variable as a `.tfvars` file has it. */
export const tfvarsLine = (key: string, value: string, isHcl: boolean): string =>
  `${key} = ${isHcl ? value : quoted(value)}`;

/** A variable as a `.env` file has it; shells read it the same way. */
export function envLine(key: string, value: string): string {
  if (/^[\w./:@%+,-]*$/.test(value)) return `${key}=${value}`;
  return value.includes("'") ? `${key}="${value.replaceAll(/["\\$`]/g, "\\$&")}"` : `${key}='${value}'`;
}
