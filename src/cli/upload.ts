import { open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ConfigurationVersion } from "../gen/windlass/v1/configuration_pb.ts";
import {
  ConfigurationService,
  type UploadConfigurationRequestSchema,
} from "../gen/windlass/v1/configuration_service_pb.ts";
import { SystemService } from "../gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../gen/windlass/v1/workspace_service_pb.ts";
import { type PackedDirectory, packDirectory } from "../lib/archive-pack.ts";
import { bytesText } from "./ages.ts";
import type { Context } from "./context.ts";
import { CliError, usageError } from "./problem.ts";
import { counted } from "./words.ts";

const chunkBytes = 512 * 1024;

/** Packs a directory and uploads it as a configuration version of the workspace. */
export async function uploadDirectory(
  context: Context,
  workspace: string,
  directory: string,
): Promise<ConfigurationVersion> {
  const path = resolve(context.io.workingDirectory, directory);
  await refuseWithoutTerraform(path);
  // Before a large directory is packed for nothing.
  const organization = await context.organization();
  if (await isDirectory(path)) await (await context.client(WorkspaceService)).getWorkspace({ organization, workspace });
  const system = await context.client(SystemService);
  const { maxConfigurationBytes } = await system.getServerInfo({});
  const maxBytes = maxConfigurationBytes === 0n ? Number.MAX_SAFE_INTEGER : Number(maxConfigurationBytes);
  await using packed = await packDirectory(path, { maxBytes, signal: context.io.signal });
  if (packed.files === 0) throw new CliError("usage", `${path} holds no files that would be uploaded`);
  const client = await context.client(ConfigurationService);
  const { configurationVersion } = await client.uploadConfiguration(
    withProgress(parts(packed, organization, workspace), context, packed.bytes),
  );
  if (configurationVersion === undefined)
    throw new ConnectError("the server answered without a version", Code.Internal);
  const ignored = packed.ignored === 0 ? "" : ` (${packed.ignored} ignored)`;
  const size = `${counted(packed.files, "file")}, ${bytesText(packed.contentBytes)}`;
  context.notes.say(`${context.notes.signs.up} uploaded ${size}${ignored}`);
  return configurationVersion;
}

const terraformFile = /\.(tf|tofu)(\.json)?$/;

/** Refuses early what no run could use. The files may stand in folders: the workspace's working directory decides. */
async function refuseWithoutTerraform(path: string): Promise<void> {
  if (!(await isDirectory(path)) || (await holdsTerraform(path))) return;
  throw usageError(`${path} holds no .tf files, nor do its folders: name the directory of a configuration`, [
    { label: "Upload a directory", command: "windlass run start WS --dir DIR" },
    { label: "Or use what was uploaded last", command: "windlass run start WS --cv latest" },
  ]);
}

/** What is none is refused, with its reason, where it is packed. */
const isDirectory = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

async function holdsTerraform(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true });
  if (entries.some((entry) => !entry.isDirectory() && terraformFile.test(entry.name))) return true;
  for (const entry of entries) {
    const isOther = !entry.isDirectory() || entry.name === ".terraform" || entry.name === ".git";
    if (!isOther && (await holdsTerraform(join(path, entry.name)))) return true;
  }
  return false;
}

async function* parts(
  { file, bytes, sha256 }: PackedDirectory,
  organization: string,
  workspace: string,
): AsyncGenerator<MessageInitShape<typeof UploadConfigurationRequestSchema>> {
  yield { part: { case: "header", value: { organization, workspace, sizeBytes: BigInt(bytes), sha256 } } };
  await using handle = await open(file);
  for await (const chunk of handle.createReadStream({ highWaterMark: chunkBytes, autoClose: false })) {
    yield { part: { case: "chunk", value: chunk as Buffer } };
  }
}

type Part = MessageInitShape<typeof UploadConfigurationRequestSchema>;

/** Smaller uploads are over before anybody could read how far they are. */
const longUploadBytes = 4 * chunkBytes;

/** The same parts; on a terminal a long upload says how far it is. */
async function* withProgress(from: AsyncIterable<Part>, { notes }: Context, bytes: number): AsyncGenerator<Part> {
  let sent = 0;
  for await (const part of from) {
    yield part;
    if (part.part?.case !== "chunk" || bytes < longUploadBytes) continue;
    sent += part.part.value?.length ?? 0;
    notes.gauge(sent >= bytes ? "" : `${notes.signs.up} uploading ${bytesText(sent)} of ${bytesText(bytes)}`);
  }
}
