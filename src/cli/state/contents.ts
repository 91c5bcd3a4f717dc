import { create } from "@bufbuild/protobuf";
import {
  type ChangedInstance,
  type StateDifference,
  StateDifferenceSchema,
  type StateResource,
  StateResourceSchema,
} from "../../gen/windlass/v1/state_pb.ts";
import { ListStateResourcesResponseSchema, StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { text } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { command, maybe, one } from "../shared/command.ts";
import { everyRow, fetchRows, listFlags } from "../shared/lists.ts";
import { green, red, styled, type Text, yellow } from "../terminal/painted.ts";
import type { Column } from "../terminal/table.ts";
import { stateOf, stateTarget, versionId, versionOf } from "./target.ts";

export const resourceColumns: readonly Column<StateResource>[] = [
  { name: "ADDRESS", value: ({ address }) => address },
  { name: "ID", drop: 2, value: ({ resourceId }) => resourceId },
  { name: "PROVIDER", drop: 1, value: ({ provider }) => provider },
  {
    name: "MARKS",
    drop: 3,
    value: ({ data, tainted }) => [data ? "data" : "", tainted ? "tainted" : ""].join(" ").trim(),
  },
  { name: "MODULE", isWide: true, value: ({ module }) => module },
  { name: "TYPE", isWide: true, value: ({ resourceType }) => resourceType },
];

export const resources = command({
  name: "resources",
  aliases: ["ls"],
  summary: "List the resources of a state by their addresses",
  examples: ["windlass state resources network", "windlass state resources network 41 --search module.net"],
  positionals: { target: stateTarget, version: versionOf },
  flags: { search: text("only addresses that contain this text"), ...listFlags(resourceColumns) },
  run: async (context, { args, flags }) => {
    const client = await context.client(StateService);
    const scope = { ...(await stateOf(context, args.target, args.version)), search: flags.search ?? "" };
    const { rows, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listStateResources({ ...scope, ...page });
      return { rows: answer.resources, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListStateResourcesResponseSchema, { resources: rows, nextPageToken });
    const shown = { schema: ListStateResourcesResponseSchema, message, item: StateResourceSchema };
    await context.printer.list({ ...shown, rows, name: ({ address }) => address, columns: resourceColumns }, flags);
    return undefined;
  },
});

export const diff = command({
  name: "diff",
  summary: "Show how two states differ, without values: states hold secrets",
  examples: ["windlass state diff network 41 42", "windlass state diff network 41", "windlass state diff sv_… sv_…"],
  positionals: {
    first: one("WS|STATE", "a workspace, whose versions follow; or the id of the first state"),
    from: maybe("A", "the first state: a serial or an id (of two ids: the second state)"),
    to: maybe("B", "the second state; else the current one"),
  },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    const wanted = await both(context, args);
    const parts = await everyRow(
      (page) => client.diffStates({ ...wanted, ...page }),
      ({ difference }) => (difference === undefined ? [] : [difference]),
    );
    const message = joined(parts);
    const lines = differenceLines(message);
    await context.printer.resource({ schema: StateDifferenceSchema, message, name: "", lines });
    return undefined;
  },
});

/** What all pages say. */
const joined = (parts: readonly StateDifference[]): StateDifference =>
  create(StateDifferenceSchema, {
    added: parts.flatMap(({ added }) => added),
    removed: parts.flatMap(({ removed }) => removed),
    changed: parts.flatMap(({ changed }) => changed),
    outputs: parts.flatMap(({ outputs }) => outputs),
  });

interface Named {
  readonly first: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

async function both(context: Context, { first, from, to }: Named) {
  if (isId("sv", first)) {
    if (to !== undefined) throw usageError(`unexpected argument "${to}": two states are compared`);
    if (from !== undefined && !isId("sv", from)) throw usageError("beside an id stands another id: sv_… sv_…");
    return { fromStateVersionId: first, toStateVersionId: from ?? "" };
  }
  if (from === undefined) throw usageError("say which versions to compare: windlass state diff WS 41 42");
  const fromStateVersionId = await versionId(context, first, from);
  return { fromStateVersionId, toStateVersionId: to === undefined ? "" : await versionId(context, first, to) };
}

function attributesText({ attributes, attributesLeftOut: more }: ChangedInstance): string {
  return `${attributes.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function differenceLines({ removed, added, changed, outputs }: StateDifference): readonly Text[] {
  const lines: readonly Text[] = [
    ...removed.map((address) => red(`  - ${address}`)),
    ...changed.map((one) => styled`${yellow(`  ~ ${one.address}`)}: ${attributesText(one)}`),
    ...added.map((address) => green(`  + ${address}`)),
    ...(outputs.length === 0 ? [] : [`  outputs: ${outputs.join(", ")}`]),
  ];
  return lines.length === 0 ? ["The two states do not differ."] : lines;
}
