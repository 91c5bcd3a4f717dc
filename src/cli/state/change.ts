import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type StateVersion, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import { StateService, type UploadStateRequestSchema } from "../../gen/windlass/v1/state_service_pb.ts";
import { UploadPurpose } from "../../gen/windlass/v1/upload_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { neededText, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import { answerChanged } from "../shared/answers.ts";
import { command, one } from "../shared/command.ts";
import { sendInParts } from "../shared/part-uploads.ts";
import { confirmByName } from "../shared/prompts.ts";
import { readStdinBytes } from "../terminal/io.ts";
import { versionId } from "./target.ts";

const chunkBytes = 512 * 1024;

const changed = (version: StateVersion | undefined) => {
  const message = version ?? create(StateVersionSchema);
  return { schema: StateVersionSchema, message, name: `state/${message.id}` };
};

export const push = command({
  name: "push",
  summary: "Make a state file the workspace's state; its serial must be higher",
  examples: [
    "windlass state push terraform.tfstate -w network",
    "windlass state push - -w network < terraform.tfstate",
  ],
  positionals: { file: one("FILE", "the state as terraform or tofu writes it; - is stdin") },
  flags: {
    workspace: neededText("the workspace", { short: "w", placeholder: "WS" }),
    force: toggle("although its lineage is another one, or its serial not higher (owners)"),
  },
  guard: (flags) => (flags.force === true ? "force" : undefined),
  run: async (context, { args, flags }) => {
    const { io } = context;
    const bytes =
      args.file === "-" ? await readStdinBytes(io) : await readState(resolve(io.workingDirectory, args.file));
    const force = flags.force === true;
    if (force) {
      const workspaces = await context.client(WorkspaceService);
      await workspaces.getWorkspace({ organization: await context.organization(), workspace: flags.workspace });
      await confirmByName(context, `Replace the state of ${flags.workspace}, whatever it is?`, flags.workspace);
    }
    const client = await context.client(StateService);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const object = { workspace: flags.workspace, purpose: UploadPurpose.STATE, sha256, bytes: bytes.length };
    const read = async (at: number, length: number) => bytes.subarray(at, at + length);
    const inParts = await sendInParts(context, { ...object, read });
    const header = { organization: await context.organization(), workspace: flags.workspace, force, sha256, inParts };
    const shown = changed((await client.uploadState(parts(bytes, header))).stateVersion);
    const { id, serial, workspace } = shown.message;
    return answerChanged(context, { ...shown, done: `State ${id} (serial ${serial}) is the state of ${workspace}` });
  },
});

const readState = (path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw usageError(`the state file cannot be read: ${messageOf(error)}`);
  });

interface Header {
  readonly organization: string;
  readonly workspace: string;
  readonly force: boolean;
  readonly sha256: string;
  /** The bytes came before. */
  readonly inParts: boolean;
}

async function* parts(
  bytes: Buffer,
  header: Header,
): AsyncGenerator<MessageInitShape<typeof UploadStateRequestSchema>> {
  yield { part: { case: "header", value: { ...header, sizeBytes: BigInt(bytes.length) } } };
  if (header.inParts) return;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield { part: { case: "chunk", value: bytes.subarray(at, at + chunkBytes) } };
  }
}

export const rollback = command({
  name: "rollback",
  summary: "Make an earlier state the workspace's state again, under a new serial",
  examples: ["windlass state rollback network 41", "windlass state rollback network sv_… --yes"],
  positionals: {
    workspace: one("WS", "name or id of the workspace"),
    version: one("VERSION", "the state to go back to: a serial such as 41 (the last state that has it), or an id"),
  },
  guard: () => "force",
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    const organization = await context.organization();
    const { stateVersion: current } = await client.getStateVersion({ organization, workspace: args.workspace });
    const target = await versionId(context, args.workspace, args.version);
    const { stateVersion: from } = await client.getStateVersion({ stateVersionId: target });
    const name = current?.workspace ?? args.workspace;
    const what = `Go back from serial ${current?.serial} to the content of serial ${from?.serial}?`;
    await confirmByName(context, `${what} Real resources are not touched.`, name);
    const expectedCurrentId = current?.id ?? "";
    const { stateVersion } = await client.rollbackState({ stateVersionId: target, expectedCurrentId });
    const shown = changed(stateVersion);
    const done = `State ${shown.message.id} (serial ${shown.message.serial}) of ${name} repeats serial ${from?.serial}`;
    return answerChanged(context, { ...shown, done }, [
      { label: "See what differs", command: context.command(`state diff ${name} ${current?.serial}`) },
      { label: "Compare with the world", command: context.command(`run start ${name} --cv latest --plan-only`) },
    ]);
  },
});
