import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { OutputFormat } from "../line/formats.ts";
import { type Hint, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";

interface Changed<Desc extends DescMessage> {
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
  /** For `-o name`: `pool/prod`. */
  readonly name: string;
  /** What was done, for people: `Created pool prod (apool_…)`. */
  readonly done: string;
}

/** Answers a command that changed a resource: a tick for people, followed by the next steps on stderr. */
export async function answerChanged<Desc extends DescMessage>(
  context: Context,
  { schema, message, name, done }: Changed<Desc>,
  next: readonly Hint[] = [],
): Promise<undefined> {
  await context.printer.resource({ schema, message, name, lines: [ticked(context, done)] });
  if (context.printer.isForPeople) context.notes.next(next);
  return undefined;
}

/** The forms of output of a command that leaves nothing to show. */
export const goneFormats: readonly OutputFormat[] = ["table", "wide", "json", "jsonl", "yaml"];

/** Answers a command after which a resource is gone. `name` is `pool/prod`. */
export async function answerGone(context: Context, name: string, done: string): Promise<undefined> {
  await context.printer.plain({ deleted: name }, [ticked(context, done)]);
  return undefined;
}

/** `✓ Created pool prod`. */
export const ticked = ({ notes }: Context, text: string): string => `${notes.signs.ok} ${text}`;

/** The paths of an update mask: the fields for which a value was given. Refuses an edit that changes nothing. */
export function maskOf(changes: Readonly<Record<string, unknown>>): { paths: string[] } {
  const paths = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([path]) => path);
  if (paths.length === 0) throw usageError("nothing to change: give at least one flag (see --help)");
  return { paths };
}
