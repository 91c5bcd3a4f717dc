import { mkdtemp, open, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ConfigurationVersion } from "../../gen/windlass/v1/configuration_pb.ts";
import {
  ConfigurationService,
  type UploadConfigurationHeaderSchema,
  type UploadConfigurationRequestSchema,
} from "../../gen/windlass/v1/configuration_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { UploadPurpose } from "../../gen/windlass/v1/upload_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { maxCounted, type PackedDirectory, packDirectory } from "../../lib/archive/pack.ts";
import { counted } from "../../lib/text/counted.ts";
import { bytesOf } from "../../lib/values/streams.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { bytesText } from "../terminal/ages.ts";
import { sendInParts } from "./part-uploads.ts";
import { isDirectory, refuseMisfit, refuseWithoutTerraform } from "./upload-checks.ts";

const chunkBytes = 512 * 1024;

/**
 * Uploads no files: to destroy what stands in the state, terraform needs no configuration, and what else lies in a directory
 * is nothing that a run would read.
 */
export async function uploadNothing(context: Context, workspace: string): Promise<ConfigurationVersion> {
  const empty = await mkdtemp(join(tmpdir(), "windlass-nothing-"));
  try {
    await using packed = await packDirectory(empty, { maxBytes: Number.MAX_SAFE_INTEGER, signal: context.io.signal });
    return await send(context, packed, workspace);
  } finally {
    await rmdir(empty);
  }
}

export interface UploadRequest {
  /** Called before anything large is done. */
  readonly check?: (() => Promise<void>) | undefined;
  /** True for a run that needs no configuration where terraform runs. */
  readonly isForDestroy?: boolean | undefined;
}

/** Packs a directory and uploads it as a configuration version of the workspace. */
export async function uploadDirectory(
  context: Context,
  workspace: string,
  directory: string,
  { check = async () => {}, isForDestroy = false }: UploadRequest = {},
): Promise<ConfigurationVersion> {
  const path = resolve(context.io.workingDirectory, directory);
  await refuseWithoutTerraform(path);
  // Before a large directory is packed for nothing.
  const organization = await context.organization();
  const [workspaces, system] = [await context.client(WorkspaceService), await context.client(SystemService)];
  const isThere = await isDirectory(path);
  const [, found, { maxConfigurationBytes }] = await firstProblemOf([
    isThere ? check() : undefined,
    isThere ? workspaces.getWorkspace({ organization, workspace }) : undefined,
    system.getServerInfo({}),
  ]);
  if (found?.workspace !== undefined) await refuseMisfit(context, path, { ...found.workspace, isForDestroy });
  const maxBytes = maxConfigurationBytes === 0n ? Number.MAX_SAFE_INTEGER : Number(maxConfigurationBytes);
  await using packed = await packDirectory(path, { maxBytes, signal: context.io.signal });
  if (packed.files === 0) throw new CliError("usage", `${path} holds no files that would be uploaded`);
  const sent = await send(context, packed, workspace);
  const size = `${counted(packed.files, "file")}, ${bytesText(packed.contentBytes)}`;
  context.notes.say(`${context.notes.signs.up} uploaded ${size}${leftOut(packed)}`);
  return sent;
}

/** The answers to questions that are asked at once. Of several that fail the first in the list is told. */
async function firstProblemOf<const T extends readonly unknown[]>(
  questions: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(questions);
  const answers: unknown[] = [];
  for (const question of questions) answers.push(await question);
  return answers as { -readonly [I in keyof T]: Awaited<T[I]> };
}

async function send(context: Context, packed: PackedDirectory, workspace: string): Promise<ConfigurationVersion> {
  const client = await context.client(ConfigurationService);
  const header = { organization: await context.organization(), workspace, ...announced(packed) };
  const inParts = await bring(context, packed, workspace);
  const { configurationVersion } = await client.uploadConfiguration(
    inParts ? only(header) : withProgress(parts(packed, header), context, packed.bytes),
  );
  if (configurationVersion === undefined)
    throw new ConnectError("the server answered without a version", Code.Internal);
  return configurationVersion;
}

const leftOut = ({ ignored }: PackedDirectory): string => {
  if (ignored === 0) return "";
  const files = ignored >= maxCounted ? `more than ${maxCounted} files` : counted(ignored, "file");
  return `; ${files} left out by .terraformignore`;
};

async function bring(context: Context, { file, bytes, sha256 }: PackedDirectory, workspace: string): Promise<boolean> {
  await using handle = await open(file);
  const read = async (offset: number, length: number) => {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  return await sendInParts(context, { workspace, purpose: UploadPurpose.CONFIGURATION, sha256, bytes, read });
}

const announced = ({ bytes, sha256 }: PackedDirectory) => ({ sizeBytes: BigInt(bytes), sha256 });

type Header = MessageInitShape<typeof UploadConfigurationHeaderSchema>;

async function* only(header: Header): AsyncGenerator<Part> {
  yield { part: { case: "header", value: { ...header, inParts: true } } };
}

async function* parts({ file }: PackedDirectory, header: Header): AsyncGenerator<Part> {
  yield { part: { case: "header", value: header } };
  await using handle = await open(file);
  for await (const chunk of bytesOf(handle.createReadStream({ highWaterMark: chunkBytes, autoClose: false }))) {
    yield { part: { case: "chunk", value: chunk } };
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
