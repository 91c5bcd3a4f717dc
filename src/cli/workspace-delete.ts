import { create } from "@bufbuild/protobuf";
import {
  type WorkspaceLosses,
  WorkspaceLossesSchema,
  WorkspaceService,
} from "../gen/windlass/v1/workspace_service_pb.ts";
import { answerGone, goneFormats } from "./answers.ts";
import { command, one } from "./command.ts";
import { toggle } from "./flags.ts";
import { CliError } from "./problem.ts";
import { confirmByName } from "./prompts.ts";
import { counted } from "./words.ts";

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

const orphans = (count: number): string =>
  `${counted(count, "resource")} of its state ${count === 1 ? "stays" : "stay"} in the world, and nobody manages ${count === 1 ? "it" : "them"} then`;

/** `windlass workspace delete`: says what would be lost before it asks. */
export const remove = command({
  name: "delete",
  summary: "Delete a workspace with its variables, runs and state",
  examples: [
    "windlass workspace delete network",
    "windlass ws delete network --dry-run",
    "windlass ws delete network --force --yes",
  ],
  positionals: { workspace: one("WS", "its name or id") },
  flags: {
    force: toggle("although it has state: terraform forgets the resources, which stay in the world"),
    dryRun: toggle("only say what would be lost"),
  },
  formats: goneFormats,
  guard: (flags) => (flags.dryRun === true ? undefined : "delete"),
  run: async (context, { args, flags }) => {
    const client = await context.client(WorkspaceService);
    const target = { organization: await context.organization(), ...args };
    const trial = await client.deleteWorkspace({ ...target, force: true, validateOnly: true });
    const losses = trial.losses ?? create(WorkspaceLossesSchema);
    const lost = lossesText(losses);
    if (flags.dryRun === true) {
      const lines = [`Deleting ${args.workspace} would lose ${lost === "" ? "nothing but its settings" : lost}`];
      if (losses.resources > 0) lines.push(`${orphans(losses.resources)}: it needs --force`);
      const message = { schema: WorkspaceLossesSchema, message: losses, name: `workspace/${args.workspace}` };
      await context.printer.resource({ ...message, lines });
      return undefined;
    }
    if (losses.resources > 0 && flags.force !== true) throw stillManaged(args.workspace, losses.resources, context);
    if (lost !== "") context.notes.say(`This deletes ${lost}`);
    if (losses.resources > 0) context.notes.warn(orphans(losses.resources));
    const what = losses.resources > 0 ? ", and forget the resources in its state" : "";
    await confirmByName(context, `Delete workspace ${args.workspace}${what}?`, args.workspace);
    await client.deleteWorkspace({ ...target, force: flags.force === true });
    const done = `Deleted workspace ${args.workspace}${lost === "" ? "" : ` with ${lost}`}`;
    return answerGone(context, `workspace/${args.workspace}`, done);
  },
});

const stillManaged = (workspace: string, count: number, context: { readonly command: (text: string) => string }) =>
  new CliError("conflict", `workspace "${workspace}" has state: ${orphans(count)}`, {
    code: "FAILED_PRECONDITION",
    reason: "WORKSPACE_IN_USE",
    hints: [
      { label: "Destroy them first", command: context.command(`run start ${workspace} --destroy`) },
      { label: "Delete it all the same", command: context.command(`workspace delete ${workspace} --force`) },
    ],
  });
