import * as z from "zod";
import { readFile } from "../../../lib/fs/at-once.ts";
import { writeWhole } from "../../../lib/fs/durable.ts";
import { openRegular } from "../../../lib/fs/regular-file.ts";
import { errnoOf } from "../../../lib/values/errors.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import { whyRefusedVariableName } from "../../../lib/words/variable-names.ts";
import type { EnvironmentVariable } from "../../../terraform/engines/environment.ts";
import { readAt } from "../../disk/durable-files.ts";

/** Most that one hook may say in its file, in bytes. */
export const maxValuesBytes = 256 * 1024;

const storedShape = z.record(z.string(), z.array(z.object({ name: z.string(), value: z.string() })));

/** What the hooks of a job have set so far, each under its step; a later one wins. */
export type HookValues = Readonly<z.infer<typeof storedShape>>;

export async function readHookValues(path: string): Promise<HookValues> {
  try {
    return storedShape.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw error;
  }
}

/** What terraform and later hooks get of them. */
export const valuesIn = (values: HookValues): readonly EnvironmentVariable[] => Object.values(values).flat();

/**
 * Keeps what a hook wrote to its file, once: what is written there later counts no more. Throws `validation` with what
 * is wrong with it.
 */
export async function keepHookValues(path: string, step: string, said: string): Promise<void> {
  const known = await readHookValues(path);
  if (known[step] !== undefined) return;
  const values = parseHookValues(await contentOf(said));
  if (values.length === 0) return;
  await writeWhole(path, JSON.stringify({ ...known, [step]: values }));
}

async function contentOf(path: string): Promise<string> {
  await using file = await openRegular(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return "";
  const bytes = await readAt(file, 0, maxValuesBytes + 1);
  if (bytes.length > maxValuesBytes) refuse(`it has written more than ${maxValuesBytes / 1024} KiB`);
  return Buffer.from(bytes).toString("utf8");
}

/** `KEY=value` a line, or `KEY<<END`, lines, and `END`: as HCP Terraform's agents and GitHub's runners read them. */
export function parseHookValues(text: string): readonly EnvironmentVariable[] {
  const values: EnvironmentVariable[] = [];
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "") continue;
    const [, name = "", operator, rest = ""] = /^([^=<]*)(=|<<)(.*)$/s.exec(line) ?? [];
    if (operator === undefined) refuse(`line ${at + 1} is neither KEY=value nor KEY<<END`);
    if (operator === "=") {
      values.push(checked(name, rest));
      continue;
    }
    const end = lines.indexOf(rest, at + 1);
    if (rest === "" || end < 0) refuse(`the text of ${JSON.stringify(name)} has no end`);
    values.push(checked(name, lines.slice(at + 1, end).join("\n")));
    at = end;
  }
  return values;
}

function checked(name: string, value: string): EnvironmentVariable {
  const why = whyRefusedVariableName(name);
  if (why !== undefined) refuse(`it may not set ${JSON.stringify(name)}: ${why}`);
  return { name, value };
}

function refuse(why: string): never {
  throw new WindlassError("validation", why);
}
