import * as z from "zod";
import { readFile } from "../../../lib/fs/at-once.ts";
import { writeDurably, writeWhole } from "../../../lib/fs/durable.ts";
import { openRegular } from "../../../lib/fs/regular-file.ts";
import { errnoOf } from "../../../lib/values/errors.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import { whyRefusedVariableName } from "../../../lib/words/variable-names.ts";
import type { EnvironmentVariable } from "../../../terraform/engines/environment.ts";
import { secretTexts } from "../../../terraform/redaction/secret-texts.ts";
import { readAt } from "../../disk/durable-files.ts";

/** Most that one hook may say in its file, in bytes. */
export const maxValuesBytes = 256 * 1024;

const storedShape = z.record(
  z.string(),
  z.array(z.object({ name: z.string(), value: z.string(), isMasked: z.boolean().exactOptional() })),
);

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
export const valuesIn = (values: HookValues): readonly EnvironmentVariable[] =>
  Object.values(values)
    .flat()
    .map(({ name, value }) => ({ name, value }));

/** What of them must not be seen: all of these steps, or of all. */
export function maskedIn(values: HookValues, steps: readonly string[] = Object.keys(values)): readonly string[] {
  const masked = steps.flatMap((step) => values[step] ?? []).filter(({ isMasked }) => isMasked === true);
  return secretTexts(masked.map(({ value }) => ({ value, isHcl: false })));
}

/** The files of one hook: variables, and the names of those that must not be seen. */
export interface HookSaid {
  readonly values: string;
  readonly masks: string;
}

export interface SaidRules {
  /** Names of arguments for terraform that the operator lets hooks set. */
  readonly maySet: readonly string[];
  /** True: only what must not be seen is kept. */
  readonly isFailed?: boolean | undefined;
}

/**
 * Keeps what a hook wrote to its files, once: what is written there later counts no more. Throws `validation` with what
 * is wrong with it.
 */
export async function keepHookValues(
  path: string,
  { step, said }: { readonly step: string; readonly said: HookSaid },
  { maySet, isFailed = false }: SaidRules = { maySet: [] },
): Promise<void> {
  const known = await readHookValues(path);
  if (known[step] !== undefined) return;
  const own = parseHookValues(await contentOf(said.values), maySet);
  const masks = new Set((await contentOf(said.masks)).split("\n").flatMap((line) => line.trim() || []));
  // What is masked late is set once more, so that it stands where the masks do.
  const values = [...valuesIn(known).filter(({ name }) => masks.has(name)), ...own];
  const unknown = [...masks].find((mask) => values.every(({ name }) => name !== mask));
  if (unknown !== undefined)
    refuse(`it has put ${JSON.stringify(unknown.slice(0, 100))} on the list of WINDLASS_MASK, which no hook has set`);
  const isMasked = ({ name }: EnvironmentVariable) => masks.has(name);
  const counting = isFailed ? values.filter(isMasked) : values;
  const kept = counting.map((value) => (isMasked(value) ? { ...value, isMasked: true } : value));
  // Without its masks nothing more of the log could be shown after a crash of the machine.
  await (masks.size === 0 ? writeWhole : writeDurably)(path, JSON.stringify({ ...known, [step]: kept }));
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
export function parseHookValues(text: string, maySet: readonly string[] = []): readonly EnvironmentVariable[] {
  const values: EnvironmentVariable[] = [];
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.trim() === "") continue;
    const [, name = "", operator, rest = ""] = /^([^=<]*)(=|<<)(.*)$/s.exec(line) ?? [];
    if (operator === undefined) refuse(`line ${at + 1} is neither KEY=value nor KEY<<END`);
    if (operator === "=") {
      values.push(checked({ name, value: rest }, maySet));
      continue;
    }
    const end = lines.indexOf(rest, at + 1);
    if (rest === "" || end < 0) refuse(`the text of ${JSON.stringify(name)} has no end`);
    values.push(checked({ name, value: lines.slice(at + 1, end).join("\n") }, maySet));
    at = end;
  }
  return values;
}

function checked(variable: EnvironmentVariable, maySet: readonly string[]): EnvironmentVariable {
  const { name } = variable;
  const why = maySet.includes(name) ? undefined : whyRefusedVariableName(name);
  if (why !== undefined) refuse(`it may not set ${JSON.stringify(name)}: ${why}`);
  return variable;
}

function refuse(why: string): never {
  throw new WindlassError("validation", why);
}
