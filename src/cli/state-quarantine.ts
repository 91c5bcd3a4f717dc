import { create } from "@bufbuild/protobuf";
import { StateVersionSchema } from "../gen/windlass/v1/state_pb.ts";
import { StateService } from "../gen/windlass/v1/state_service_pb.ts";
import { answerChanged, answerGone, goneFormats } from "./answers.ts";
import { command, one } from "./command.ts";
import { toggle } from "./flags.ts";
import { confirmOrStop } from "./prompts.ts";

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
    await confirmOrStop(context, `Make ${args.state} the state of its workspace?`);
    const { stateVersion } = await client.adoptState({ stateVersionId: args.state, force: flags.force === true });
    const message = stateVersion ?? create(StateVersionSchema);
    const changed = { schema: StateVersionSchema, message, name: `state/${message.id}` };
    const done = `State ${message.id} (serial ${message.serial}) is the state of workspace ${message.workspace}`;
    return answerChanged(context, { ...changed, done });
  },
});

export const drop = command({
  name: "drop",
  summary: "Delete a quarantined state",
  examples: ["windlass state drop sv_…"],
  positionals: { state },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    await confirmOrStop(context, `Delete the quarantined state ${args.state}?`);
    await client.dropState({ stateVersionId: args.state });
    return answerGone(context, `state/${args.state}`, `Deleted the quarantined state ${args.state}`);
  },
});
