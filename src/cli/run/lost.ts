import { create } from "@bufbuild/protobuf";
import {
  HeldInState,
  type LostResource,
  LostResourceSchema,
  type Run,
  RunSchema,
} from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { outputFormats } from "../line/formats.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { everyRow } from "../shared/lists.ts";
import { timeText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { lostHcl } from "./lost-hcl.ts";
import { resolveHint } from "./outcome.ts";
import { isUnresolved } from "./states.ts";
import { findRun, runTarget } from "./target.ts";

const columns: readonly Column<LostResource>[] = [
  { name: "ADDRESS", value: ({ address }) => address },
  { name: "ACTION", value: ({ action }) => action },
  { name: "PROVIDER", value: ({ provider }) => provider },
  { name: "ID", value: ({ idKey, id }) => (id === "" || idKey === "id" ? id : `${idKey}=${id}`) },
  { name: "FINISHED", value: ({ finishTime }) => timeText(finishTime) },
  { name: "IN STATE", value: ({ held }) => enumText(HeldInState, held) },
  { name: "NOTE", isWide: true, value: ({ note }) => note },
];

export const lost = command({
  name: "lost",
  summary: "List what an apply had finished and its last state does not have; -o hcl prints import blocks",
  examples: [
    "windlass run lost network",
    "windlass run lost run_… -o hcl > lost.tf",
    "windlass run lost run_… -o json",
  ],
  positionals: { run: runTarget },
  formats: [...outputFormats, "hcl"],
  run: async (context, { args }) => {
    const run = await withLost(context, await findRun(context, args.run));
    if (context.printer.format === "hcl") await context.printer.lines(lostHcl(run));
    else await list(context, run);
    if (context.printer.isForPeople) tellRest(context, run);
    return undefined;
  },
});

/** The run with all that is kept of what was lost: it tells the first of it itself. */
async function withLost(context: Context, run: Run): Promise<Run> {
  if (run.lostCount <= run.lost.length) return run;
  const client = await context.client(RunService);
  const lost = await everyRow(
    (page) => client.listLostResources({ runId: run.id, ...page }),
    ({ lostResources }) => lostResources,
  );
  return { ...run, lost };
}

async function list(context: Context, run: Run): Promise<void> {
  const { id, workspace, lost: rows, lostCount } = run;
  const message = create(RunSchema, { id, workspace, lost: rows, lostCount });
  const shown = { schema: RunSchema, message, item: LostResourceSchema, rows, columns };
  await context.printer.list({ ...shown, name: ({ address }) => address }, { columns: [], noHeaders: undefined });
}

function tellRest(context: Context, run: Run): void {
  const { id, lost: listed, lostCount } = run;
  if (lostCount > listed.length) context.notes.say(`${lostCount - listed.length} more are not listed: read its log`);
  if (listed.length === 0) return;
  context.notes.next([
    { label: "Import them", command: context.command(`run lost ${id} -o hcl`) },
    ...(isUnresolved(run) ? [resolveHint(context, run)] : []),
  ]);
}
