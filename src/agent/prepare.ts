import { mkdir, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { defaultArchiveLimits, unpackArchive } from "../lib/archive-unpack.ts";
import { isWindlassError, WindlassError } from "../lib/errors.ts";
import { overrideBackend, scanConfiguration, stripUpload, writeBackendRecord } from "../terraform/configuration.ts";
import type { EngineAnswer } from "../terraform/engine-store.ts";
import { extractLockFile, planEngineVersion } from "../terraform/plan-file.ts";
import { stateNeedsInit } from "../terraform/state.ts";
import { type JobArtifacts, mayPass } from "./artifacts.ts";
import { isOutOfSpace, makePrivateDirectory, removeTree } from "./durable-files.ts";
import { engineNameOf } from "./engine-name.ts";
import { type House, patienceOf } from "./house.ts";
import type { Job } from "./job.ts";
import { makeJobDirectories, type Prepared, writePrepared } from "./job-files.ts";
import { persist } from "./patience.ts";

/** An offer that is not started in 60 s goes back to the queue: there is no point in trying longer. */
const downloadDeadlineMs = 50_000;

export type Preparation = Prepared | { readonly kind: "declined"; readonly reason: string };

/**
 * Brings everything that a job needs to its directory: program, configuration, plan, state. What can never work is an
 * unusable job, which is started only to say so; what may work elsewhere or later is given back. Rejects only when aborted.
 */
export async function prepareJob(job: Job, house: House, signal: AbortSignal): Promise<Preparation> {
  try {
    await clear(job);
    await download(job, house, signal);
    const engine = await findJobEngine(job, house, signal);
    const prepared =
      engine.kind === "found" ? await furnish({ job, engine }, signal) : unusable(engine.message, engine.notes);
    await writePrepared(job.files, prepared);
    return prepared;
  } catch (error) {
    signal.throwIfAborted();
    return afterFailure(job, error);
  }
}

/** What is left to a failed preparation. */
async function afterFailure(job: Job, error: unknown): Promise<Preparation> {
  if (isOutOfSpace(error)) return { kind: "declined", reason: "disk full: the job cannot be unpacked" };
  if (!isWindlassError(error) && error instanceof ConnectError) {
    return { kind: "declined", reason: `a download failed: ${error.message}` };
  }
  const prepared = unusable(error instanceof Error ? error.message : String(error));
  await writePrepared(job.files, prepared);
  return prepared;
}

const unusable = (message: string, notes: readonly string[] = []): Prepared => ({
  kind: "unusable",
  message,
  engineVersion: "",
  notes,
});

/** Removes what an earlier, interrupted preparation left. */
async function clear({ files }: Job): Promise<void> {
  const left = [files.work, files.prepared, files.configurationArchive, files.planFile, files.initialState];
  for (const path of left) await removeTree(path);
  await makeJobDirectories(files);
}

/** A plan is applied by the version that made it: no other one takes it, and the workspace's constraint may allow several. */
async function findJobEngine(
  { spec, files, isApply }: Job,
  { engines }: House,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  const engine = engineNameOf(spec);
  const ofPlan = isApply ? await planEngineVersion(files.planFile) : undefined;
  return ofPlan === undefined
    ? engines.find({ engine, versionConstraint: spec.engineVersion }, signal)
    : engines.find({ engine, versionConstraint: ofPlan, askedBy: "plan" }, signal);
}

interface Furnishing {
  readonly job: Job;
  readonly engine: Extract<EngineAnswer, { kind: "found" }>;
}

async function furnish({ job, engine }: Furnishing, signal: AbortSignal): Promise<Prepared> {
  const { files } = job;
  const root = configurationRoot(files.work);
  await unpackArchive(files.configurationArchive, root, { ...defaultArchiveLimits, signal });
  await rm(files.configurationArchive);
  for (const name of ["home", "tmp"]) await makePrivateDirectory(join(files.work, name));
  const directory = await workingDirectory(root, job.spec.workingDirectory);
  await stripUpload(directory);
  const hasForeignState = job.spec.state !== undefined && (await placeState(files.initialState, directory));
  const { needsInit, hasBackendBlock } = await arrange(directory, { engine, hasForeignState });
  if (job.isApply && needsInit) await extractLockFile(files.planFile, join(directory, ".terraform.lock.hcl"));
  const { file: enginePath, version: engineVersion, notes } = engine;
  return { kind: "ready", enginePath, engineVersion, needsInit, hasBackendBlock, notes };
}

/** Puts the current state where terraform looks for it; true when it holds objects of providers that must be installed. */
async function placeState(initialState: string, directory: string): Promise<boolean> {
  const content = await readFile(initialState);
  await writeFile(join(directory, "terraform.tfstate"), content, { mode: 0o600, flag: "wx" });
  return stateNeedsInit(content);
}

interface Arrangement {
  readonly engine: Furnishing["engine"];
  readonly hasForeignState: boolean;
}

/** Makes terraform keep its state beside the configuration. */
async function arrange(directory: string, { engine, hasForeignState }: Arrangement) {
  const scan = await scanConfiguration(directory);
  const needsInit = scan.needsInit || hasForeignState;
  if (scan.files.length === 0) {
    throw new WindlassError(
      "validation",
      `${await emptyDirectory(directory)}: upload the directory that holds the .tf files`,
    );
  }
  if (scan.hasBackendBlock) await overrideBackend(directory);
  if (scan.hasBackendBlock && !needsInit) await writeBackendRecord(directory, engine.version);
  return { needsInit, hasBackendBlock: scan.hasBackendBlock };
}

async function emptyDirectory(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith(".")).slice(0, 5);
  const found = names.length === 0 ? "nothing at all" : names.join(", ");
  return `the working directory has no terraform configuration (found ${found})`;
}

export const configurationRoot = (work: string): string => join(work, "config");

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

async function download(job: Job, house: House, signal: AbortSignal): Promise<void> {
  const { files, spec } = job;
  const artifacts: JobArtifacts = house.artifacts(spec.jobToken);
  const startedMs = house.clock.monotonicMs();
  const patience = patienceOf(
    house,
    (error) =>
      error instanceof ConnectError && mayPass(error) && house.clock.monotonicMs() - startedMs < downloadDeadlineMs,
  );
  const fetch = (attempt: () => Promise<void>) => persist(attempt, patience, signal);
  const { configuration, plan, state } = spec;
  if (configuration === undefined) throw new WindlassError("validation", "the job has no configuration");
  if (job.isApply && plan === undefined) throw new WindlassError("validation", "the job has no plan to apply");
  await mkdir(files.root, { recursive: true });
  await Promise.all([
    fetch(() => artifacts.downloadConfiguration(files.configurationArchive, configuration, signal)),
    plan === undefined ? undefined : fetch(() => artifacts.downloadPlan(files.planFile, plan, signal)),
    state === undefined ? undefined : fetch(() => artifacts.downloadState(files.initialState, state, signal)),
  ]);
}
