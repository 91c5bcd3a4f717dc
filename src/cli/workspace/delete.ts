import { create } from "@bufbuild/protobuf";
import {
  type WorkspaceLosses,
  WorkspaceLossesSchema,
  WorkspaceService,
} from "../../gen/windlass/v1/workspace_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { toggle } from "../line/flags.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerGone, goneFormats } from "../shared/answers.ts";
import { command, some } from "../shared/command.ts";
import { confirmByName } from "../shared/prompts.ts";

/** `3 state versions, 12 runs`; empty if nothing is lost. */
function lossesText(losses: WorkspaceLosses): string {
  const parts: readonly (readonly [number, string])[] = [
    [losses.stateVersions, "state version"],
    [losses.runs, "run"],
    [losses.variables, "variable"],
    [losses.configurationVersions, "configuration version"],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, noun]) => counted(count, noun))
    .join(", ");
}

/** What is left behind; undefined if nothing is. */
function orphansOf({ resources, unreadReason }: WorkspaceLosses): string | undefined {
  if (unreadReason !== "")
    return `whatever its state holds stays in the world (the state is not read: ${unreadReason})`;
  return resources === 0 ? undefined : orphans(resources);
}

const orphans = (count: number): string =>
  `${counted(count, "resource")} of its state ${count === 1 ? "stays" : "stay"} in the world, and nobody manages ${count === 1 ? "it" : "them"} then`;

/** `windlass workspace delete`: says what would be lost before it asks. */
export const remove = command({
  name: "delete",
  summary: "Delete workspaces with their variables, runs and states",
  examples: [
    "windlass workspace delete network",
    "windlass ws delete network dns --dry-run",
    "windlass ws delete network --force --yes",
  ],
  positionals: { workspaces: some("WS", "names or ids") },
  flags: {
    force: toggle("although it has state: its resources are forgotten, and stay in the world"),
    dryRun: toggle("only say what would be lost"),
  },
  formats: goneFormats,
  guard: (flags) => (flags.dryRun === true ? undefined : "delete"),
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const organization = await context.organization();
    const found: Doomed[] = [];
    for (const workspace of args.workspaces) {
      const trial = await client.deleteWorkspace({ organization, workspace, force: true, validateOnly: true });
      found.push({ workspace, losses: trial.losses ?? create(WorkspaceLossesSchema) });
    }
    if (flags.dryRun === true) {
      for (const one of found) await tellLosses(context, one);
      return undefined;
    }
    const force = flags.force === true;
    for (const { workspace, losses } of found) {
      const left = orphansOf(losses);
      if (left !== undefined && !force) throw stillManaged(workspace, left, context);
    }
    for (const one of found) {
      await askFor(context, one);
      await client.deleteWorkspace({ organization, workspace: one.workspace, force });
      const lost = lossesText(one.losses);
      const done = `Deleted workspace ${one.workspace}${lost === "" ? "" : ` with ${lost}`}`;
      await answerGone(context, `workspace/${one.workspace}`, done);
    }
    return undefined;
  },
});

/** A workspace that may be deleted, and what would go with it. */
interface Doomed {
  readonly workspace: string;
  readonly losses: WorkspaceLosses;
}

async function tellLosses(context: Context, { workspace, losses }: Doomed): Promise<void> {
  const lines = [`Deleting ${workspace} would lose ${lossesText(losses) || "nothing but its settings"}`];
  const left = orphansOf(losses);
  if (left !== undefined) lines.push(`${left}: it needs --force`);
  const message = { schema: WorkspaceLossesSchema, message: losses, name: `workspace/${workspace}` };
  await context.printer.resource({ ...message, lines });
}

async function askFor(context: Context, { workspace, losses }: Doomed): Promise<void> {
  const lost = lossesText(losses);
  if (lost !== "") context.notes.say(`This deletes ${lost}`);
  const left = orphansOf(losses);
  if (left !== undefined) context.notes.warn(left);
  const what = left !== undefined ? ", and forget the resources in its state" : "";
  await confirmByName(context, `Delete workspace ${workspace}${what}?`, workspace);
}

const stillManaged = (workspace: string, left: string, context: { readonly command: (text: string) => string }) =>
  new CliError("conflict", `workspace "${workspace}" has state: ${left}`, {
    code: "FAILED_PRECONDITION",
    reason: "WORKSPACE_IN_USE",
    hints: [
      { label: "Destroy them first", command: context.command(`run start ${workspace} --destroy`) },
      { label: "Delete it all the same", command: context.command(`workspace delete ${workspace} --force`) },
    ],
  });
