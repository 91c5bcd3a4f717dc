import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { defaultArchiveLimits, unpackArchive } from "../../lib/archive/unpack.ts";
import { together } from "../../lib/async/abort.ts";
import { mkdir, readdir, realpath, rm, stat } from "../../lib/fs/at-once.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { failureText } from "../../lib/way/own-answer.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import {
  overrideBackend,
  placeEmptyFile,
  scanConfiguration,
  stripUpload,
  writeBackendRecord,
} from "../../terraform/configuration/configuration.ts";
import { writeLocalBackends } from "../../terraform/configuration/local-backend.ts";
import { asWorkspaceName, mentionsWorkspace, selectWorkspace } from "../../terraform/configuration/workspace-name.ts";
import type { EngineAnswer } from "../../terraform/engines/engine-store.ts";
import { type PlanOrigin, planOrigin } from "../../terraform/plan/file.ts";
import { stateNeedsInit } from "../../terraform/state/state.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import { isOutOfSpace, makePrivateDirectory, removeTree } from "../disk/durable-files.ts";
import {
  configurationRoot,
  makeJobDirectories,
  type Preparation,
  type Prepared,
  writePrepared,
} from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import { placePlanLock } from "../plan/plan-lock.ts";
import { recordConfiguration, workingDirectoryOf } from "../plan-files/collect.ts";
import { unpackPlanFiles } from "../plan-files/place.ts";
import { fetchInputs } from "./job-downloads.ts";
import { placeNameOf } from "./place-name.ts";
import type { JobServices } from "./services.ts";
import { makeStatePlace } from "./states/state-place.ts";

/**
 * Brings everything that a job needs to its directory: program, configuration, plan, state. What can never work is an
 * unusable job, which is started only to say so; what may work elsewhere or later is given back. Rejects only when aborted.
 */
export async function prepareJob(job: AgentJob, services: JobServices, signal: AbortSignal): Promise<Preparation> {
  try {
    if (job.isRestored) await clear(job);
    const [origin, engine] = await fetchAll(job, services, signal);
    // It may have been downloaded, or what was announced is gone.
    if (engine.kind !== "found" || engine.notes.length > 0) void services.news.look();
    const prepared =
      engine.kind === "found" ? await furnish({ job, services, engine, origin }, signal) : withoutEngine(engine);
    await writePrepared(job.files, prepared);
    return prepared;
  } catch (error) {
    signal.throwIfAborted();
    return afterFailure(job, error);
  }
}

/** Brings the parts of a job, and its program beside them as far as it is known which one that is. */
async function fetchAll(
  job: AgentJob,
  services: JobServices,
  signal: AbortSignal,
): Promise<readonly [PlanOrigin, EngineAnswer]> {
  const inputs = (until: AbortSignal) => fetchInputs(job, services, until);
  const program = (origin: PlanOrigin, until: AbortSignal) => findJobEngine(job, { services, origin }, until);
  const told = job.isApply ? toldOrigin(job) : {};
  if (told === undefined) {
    await inputs(signal);
    const origin = await planOrigin(job.files.planFile);
    return [origin, await program(origin, signal)];
  }
  const [, engine] = await together(signal, (until) => [inputs(until), program(told, until)]);
  return [job.isApply ? { ...(await planOrigin(job.files.planFile)), ...told } : told, engine];
}

/** What is left to a failed preparation. */
async function afterFailure(job: AgentJob, error: unknown): Promise<Preparation> {
  if (isOutOfSpace(error)) return { kind: "declined", reason: "disk full: the job cannot be unpacked" };
  if (error instanceof ConnectError) return { kind: "declined", reason: `a download failed: ${failureText(error)}` };
  if (isWindlassError(error, "storage_unavailable"))
    return { kind: "declined", reason: `a download failed: ${error.message}` };
  const prepared = unusable(messageOf(error));
  await writePrepared(job.files, prepared);
  return prepared;
}

const unusable = (message: string, notes: readonly string[] = []): Extract<Prepared, { kind: "unusable" }> => ({
  kind: "unusable",
  message,
  engineVersion: "",
  notes,
});

/** Another agent may have the program. */
const withoutEngine = ({ message, notes }: Exclude<EngineAnswer, { kind: "found" }>): Prepared => ({
  ...unusable(message, notes),
  isEngineMissing: true,
});

/** Removes what an earlier, interrupted preparation left. */
async function clear({ files }: AgentJob): Promise<void> {
  const downloaded = [files.configurationArchive, files.planFile, files.planFilesArchive, files.initialState];
  const left = [files.work, files.prepared, ...downloaded, files.configurationRecord, files.planFiles];
  for (const path of left) await removeTree(path);
  await makeJobDirectories(files);
}

/** What was kept beside a plan counts above what it says of itself: one that is encrypted says nothing. */
const toldOrigin = ({ spec: { planEngineVersion } }: AgentJob): PlanOrigin | undefined =>
  planEngineVersion === "" ? undefined : { engineVersion: planEngineVersion };

/**
 * A plan is applied by the version that made it: no other one takes it, and the workspace's constraint may allow
 * several.
 */
async function findJobEngine(
  job: AgentJob,
  { services: { engines }, origin }: { readonly services: JobServices; readonly origin: PlanOrigin },
  signal: AbortSignal,
): Promise<EngineAnswer> {
  const { spec } = job;
  const engine = engineNameOf(spec);
  const { engineVersion: ofPlan } = origin;
  const wish =
    ofPlan === undefined
      ? { versionConstraint: spec.engineVersion }
      : { versionConstraint: ofPlan, askedBy: "plan" as const };
  try {
    const onDoing = (doing: string) => {
      job.notePreparing(doing);
      // What it says changes as bytes come.
      job.noteReceived(1);
    };
    return await engines.find({ engine, ...wish, onDoing }, signal);
  } finally {
    job.notePreparing("");
  }
}

interface Furnishing {
  readonly job: AgentJob;
  readonly services: JobServices;
  readonly engine: Extract<EngineAnswer, { kind: "found" }>;
  readonly origin: PlanOrigin;
}

async function furnish({ job, services, engine, origin }: Furnishing, signal: AbortSignal): Promise<Prepared> {
  const { files } = job;
  const root = configurationRoot(files.work);
  const [hasForeignState, placeName] = await together(signal, (until) => [
    placeState(job),
    placeNameOf(job, services),
    unpackConfiguration(job, root, until),
    ...["home", "tmp"].map((name) => makePrivateDirectory(join(files.work, name))),
  ]);
  const needsNone = job.isApply || job.spec.options?.destroy === true;
  if (needsNone) await makeMissing(root, job.spec.workingDirectory);
  const directory = await workingDirectory(root, job.spec.workingDirectory);
  await stripUpload(directory);
  const { needsInit, hasBackendBlock, placed } = await arrange(directory, { engine, hasForeignState, needsNone });
  if (job.isApply && needsInit) await placePlanLock(directory, files.planFile, job.spec.lockFile);
  const [isNamed] = await together(signal, (until) => [
    needsInit ? Promise.resolve(true) : mentionsWorkspace(root),
    job.isApply ? undefined : recordConfiguration(files.configurationRecord, { root, directory, placed }),
    job.isApply && job.spec.planFiles !== undefined ? unpackFiles(files, { root, directory }, until) : undefined,
  ]);
  const { file: enginePath, version: engineVersion, notes } = engine;
  const workspace = workspaceOf(job, origin);
  if (isNamed) await selectWorkspace(directory, workspace);
  const facts = { enginePath, engineVersion, needsInit, hasBackendBlock, placeName, workspace };
  return { kind: "ready", ...facts, isStateOutside: true, notes };
}

async function unpackConfiguration({ files }: AgentJob, root: string, signal: AbortSignal): Promise<void> {
  await unpackArchive(files.configurationArchive, root, { ...defaultArchiveLimits, signal });
  await rm(files.configurationArchive);
}

/**
 * What `terraform.workspace` is: a plan is applied under the name that it was made with, whatever the workspace is
 * called since.
 */
const workspaceOf = ({ spec }: AgentJob, { workspace }: PlanOrigin): string =>
  asWorkspaceName(workspace) ?? spec.workspace;

async function unpackFiles(
  { planFilesArchive: archive, planFiles: into }: AgentJob["files"],
  { root, directory }: { readonly root: string; readonly directory: string },
  signal: AbortSignal,
): Promise<void> {
  const workingDirectory = await workingDirectoryOf(root, directory);
  await unpackPlanFiles({ archive, into, workingDirectory }, signal);
}

/**
 * Puts the current state where terraform is told to look for it; true when it holds objects of providers that must be
 * installed.
 */
async function placeState({ spec, files }: AgentJob): Promise<boolean> {
  await makeStatePlace(files.stateFile, spec.state === undefined ? undefined : files.initialState);
  return spec.state !== undefined && (await stateNeedsInit(await readFile(files.initialState)));
}

interface Arrangement {
  readonly engine: Furnishing["engine"];
  readonly hasForeignState: boolean;
  /** True where terraform is content without configuration: what it destroys stands in the state. */
  readonly needsNone: boolean;
}

/** Makes terraform use the local backend, whatever the configuration says. */
async function arrange(directory: string, { engine, hasForeignState, needsNone }: Arrangement) {
  const scan = await scanConfiguration(directory);
  const needsInit = scan.needsInit || hasForeignState;
  if (scan.files.length === 0 && needsNone)
    return { needsInit, hasBackendBlock: false, placed: needsInit ? [await placeEmptyFile(directory)] : [] };
  if (scan.files.length === 0) {
    throw new WindlassError(
      "validation",
      `${await emptyDirectory(directory)}: upload the directory that holds the .tf or .tofu files, or set the workspace's working directory`,
    );
  }
  const isLocal = !scan.hasBackendBlock || (await writeLocalBackends(directory, scan.files));
  const placed = isLocal ? [] : [await overrideBackend(directory)];
  // Init too: a backend that is new to it gets what is there of states, and it asks which of them.
  if (scan.hasBackendBlock) await writeBackendRecord(directory, engine.version);
  return { needsInit, hasBackendBlock: scan.hasBackendBlock, placed };
}

async function emptyDirectory(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith(".")).slice(0, 5);
  const found = names.length === 0 ? "nothing at all" : names.join(", ");
  return `the working directory has no configuration (found ${found})`;
}

/** Where nothing at all was uploaded, the directory in which terraform runs is as empty as the rest. */
async function makeMissing(root: string, inside: string): Promise<void> {
  const wanted = join(root, inside);
  if ((await readdir(root)).length === 0 && wanted.startsWith(`${root}${sep}`))
    await mkdir(wanted, { recursive: true });
}

/** The directory of the configuration in which terraform runs; never outside of it. Throws `validation`. */
async function workingDirectory(root: string, inside: string): Promise<string> {
  const wanted = join(root, inside);
  const found = await realpath(wanted).catch(() => undefined);
  const top = await realpath(root);
  const isInside = found === top || found?.startsWith(`${top}${sep}`) === true;
  if (found !== undefined && isInside && (await stat(found)).isDirectory()) return wanted;
  const message = `the configuration has no directory ${JSON.stringify(inside)}: correct the workspace's working directory`;
  throw new WindlassError("validation", message);
}
