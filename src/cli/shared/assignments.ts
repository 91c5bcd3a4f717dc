import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { whyNoHclValue } from "../../lib/hcl/text.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { usageError } from "../problems/problem.ts";
import { type Io, readStdin } from "../terminal/io.ts";

export interface VariableAssignment {
  readonly key: string;
  readonly value: string;
}

/** Cuts `key=value` at the first `=`. */
export function assignment(text: string): VariableAssignment {
  const at = text.indexOf("=");
  if (at <= 0) throw usageError(`expected KEY=VALUE, got "${at === 0 ? text : maskedKey(text)}"`);
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** The same with an HCL expression; one that terraform could not read is refused. */
export function hclAssignment(text: string): VariableAssignment {
  const found = assignment(text);
  const why = whyNoHclValue(found.value);
  if (why !== undefined) throw usageError(`the value of ${found.key} is no HCL expression: ${why}`);
  return found;
}

/**
 * Reads `key=value`, `key=-` (stdin, at most once; a newline at its end is cut, as `echo` adds one) and `key=@file`
 * (its bytes as they are: keys and certificates end with a newline that counts). What is not UTF-8 is refused, since a
 * value is text.
 */
export async function assignments(io: Io, texts: readonly string[]): Promise<readonly VariableAssignment[]> {
  const parsed = texts.map(assignment);
  if (parsed.filter(({ value }) => value === "-").length > 1) throw usageError("only one value can come from stdin");
  return Promise.all(parsed.map(async ({ key, value }) => ({ key, value: await textOf(io, key, value) })));
}

async function textOf(io: Io, key: string, value: string): Promise<string> {
  if (value === "-") return readStdin(io);
  if (!value.startsWith("@")) return value;
  const path = resolve(io.workingDirectory, value.slice(1));
  const content = await readFile(path).catch((error: unknown) => {
    throw usageError(`the file for ${key} cannot be read: ${messageOf(error)}`);
  });
  if (!isUtf8(content))
    throw usageError(`the file for ${key} is not UTF-8 text: encode it first, for example with base64`);
  return content.toString("utf8");
}

/** What lacks its `=` may be a secret: only its beginning is shown. */
const maskedKey = (text: string): string => (text.length <= 8 ? text : `${text.slice(0, 8)}...`);
