import { create } from "@bufbuild/protobuf";
import { StateStatus, type StateVersion, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { counted } from "../../lib/text/counted.ts";
import { toggle } from "../line/flags.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged, answerGone, goneFormats } from "../shared/answers.ts";
import { command, one } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { enumText } from "../terminal/words.ts";

const state = one("STATE", "id of a quarantined state version");

export const adopt = command({
  name: "adopt",
  summary: "Make a quarantined state the workspace's state",
  examples: ["windlass state adopt sv_…"],
  positionals: { state },
  flags: { force: toggle("although its lineage is not the workspace's") },
  guard: (flags) => (flags.force === true ? "force" : undefined),
  run: async (context, { args, flags }) => {
    const client = await context.client(StateService);
    await confirmOrStop(context, async () => {
      const { id, serial, resourceCount, workspace } = await quarantined(context, args.state);
      return `Make ${id} (serial ${serial}, ${counted(resourceCount, "resource")}) the state of workspace ${workspace}?`;
    });
    const { stateVersion } = await client.adoptState({ stateVersionId: args.state, force: flags.force === true });
    const message = stateVersion ?? create(StateVersionSchema);
    const changed = { schema: StateVersionSchema, message, name: `state/${message.id}` };
    const done = `State ${message.id} (serial ${message.serial}) is the state of workspace ${message.workspace}`;
    return answerChanged(context, { ...changed, done });
  },
});

/** The state that is asked about; one that is not kept aside is refused by the server before anybody is asked. */
async function quarantined(context: Context, stateVersionId: string): Promise<StateVersion> {
  const client = await context.client(StateService);
  const { stateVersion } = await client.getStateVersion({ stateVersionId });
  const found = stateVersion ?? create(StateVersionSchema);
  if (found.status === StateStatus.QUARANTINED) return found;
  throw new CliError("conflict", `state ${found.id} is ${enumText(StateStatus, found.status)}, not quarantined`, {
    code: "FAILED_PRECONDITION",
    reason: "STATE_NOT_QUARANTINED",
    hints: [{ label: "See what is aside", command: context.command(`state list ${found.workspace} --quarantined`) }],
  });
}

export const drop = command({
  name: "drop",
  summary: "Delete a quarantined state",
  examples: ["windlass state drop sv_…"],
  positionals: { state },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    await confirmOrStop(context, async () => {
      const { id, workspace } = await quarantined(context, args.state);
      return `Delete the quarantined state ${id} of workspace ${workspace}?`;
    });
    await client.dropState({ stateVersionId: args.state });
    return answerGone(context, `state/${args.state}`, `Deleted the quarantined state ${args.state}`);
  },
});
