import { idFromCompact, idPrefixes } from "../../lib/words/ids.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import type { Command, CommandInput } from "../shared/command.ts";
import { namesId } from "./bare-names.ts";

/** The beginning of an id, long enough to be looked for; `WS@SERIAL` begins with one too. */
const beginning = new RegExp(`^((?:${idPrefixes.join("|")})_[0-7][0-9a-hjkmnp-tv-z]{3,24})(@.*)?$`);

/** An id as the terraform program shows it, such as `run-h0pAB1r2FmdwkI2B`. */
const compact = new RegExp(`^(${idPrefixes.join("|")})-([0-9A-Za-z]{16})(@.*)?$`);

/** As many as the server names. */
const maxIds = 20;

/**
 * The same input with every id as the whole one: wherever a command takes an id, its beginning is enough, or what the terraform program
 * shows of it.
 */
export async function withWholeIds(context: Context, command: Command, input: CommandInput): Promise<CommandInput> {
  return {
    flags: await withWhole(context, input.flags, command.flags),
    args: await withWhole(context, input.args, command.positionals),
  };
}

type Values = Readonly<Record<string, unknown>>;
type Declared = Readonly<Record<string, { readonly placeholder?: string | undefined }>>;

async function withWhole(context: Context, values: Values, declared: Declared): Promise<Values> {
  const changed: Record<string, unknown> = { ...values };
  for (const [key, value] of Object.entries(values)) {
    if (namesId(declared[key]?.placeholder ?? "")) changed[key] = await completed(context, value);
  }
  return changed;
}

async function completed(context: Context, value: unknown): Promise<unknown> {
  if (typeof value === "string") return wholeId(context, value);
  if (!Array.isArray(value)) return value;
  const all: unknown[] = [];
  for (const one of value) all.push(await completed(context, one));
  return all;
}

/** The only id that begins so; the word itself if there is none: it may be a name. */
async function wholeId(context: Context, word: string): Promise<string> {
  const { prefix, rest } = wanted(word);
  if (prefix === undefined) return word;
  const ids = await idsBeginningWith(context, prefix);
  const [only, ...more] = ids;
  if (only === undefined) return word;
  if (more.length === 0) return only + rest;
  const count = ids.length < maxIds ? String(ids.length) : `at least ${maxIds}`;
  throw new CliError("usage", `"${prefix}" is the beginning of ${count} ids, give more of it: ${ids.join(", ")}`, {
    reason: "NAME_AMBIGUOUS",
    metadata: { name: prefix, ids: ids.join(",") },
  });
}

/** What an id that a word may stand for begins with. */
function wanted(word: string): { readonly prefix: string | undefined; readonly rest: string } {
  const [, kind, core = "", after = ""] = compact.exec(word) ?? [];
  const known = idPrefixes.find((one) => one === kind);
  if (known !== undefined) return { prefix: idFromCompact(known, core), rest: after };
  const [, prefix, rest = ""] = beginning.exec(word) ?? [];
  return { prefix, rest };
}

async function idsBeginningWith(context: Context, prefix: string): Promise<readonly string[]> {
  const [{ Code, ConnectError }, { SystemService }] = await Promise.all([
    import("@connectrpc/connect"),
    import("../../gen/windlass/v1/system_service_pb.ts"),
  ]);
  try {
    return (await (await context.client(SystemService)).findIds({ prefix })).ids;
  } catch (error) {
    // An older server: it judges the word itself.
    if (error instanceof ConnectError && error.code === Code.Unimplemented) return [];
    throw error;
  }
}
