import { dirname, join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as z from "zod";
import { type JobSpec, JobSpecSchema } from "../../gen/windlass/agent/v1/job_pb.ts";
import { readFile } from "../../lib/fs/at-once.ts";
import { syncDirectory, syncFile, writeWhole } from "../../lib/fs/durable.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { makePrivateDirectory } from "../disk/durable-files.ts";
import type { Journal } from "./journal.ts";

export type Preparation = Prepared | { readonly kind: "declined"; readonly reason: string };

export const configurationRoot = (work: string): string => join(work, "config");

/** Where everything of one claim lies: `<data-dir>/jobs/<job id>-<epoch>/`. */
export interface JobFiles {
  readonly root: string;
  readonly spec: string;
  readonly journal: string;
  readonly prepared: string;
  /** Downloaded artifacts; the plan lies in `work`. */
  readonly configurationArchive: string;
  readonly initialState: string;
  /** What other workspaces let the job read, as it was when the job was granted. */
  readonly sharedStates: string;
  /** What lay below the configuration before it was planned. */
  readonly configurationRecord: string;
  /** The archive of the files that a plan made, made or downloaded; and its content, for an apply. */
  readonly planFilesArchive: string;
  readonly planFiles: string;
  /** What terraform printed, a file for each step, in clear. */
  readonly raw: string;
  /** The log as it is sent. */
  readonly spool: string;
  /** Snapshots of the state. */
  readonly states: string;
  /** Processes' pids and statuses. */
  readonly steps: string;
  /** All that the job's processes may write to. */
  readonly work: string;
  /** Terraform's state; in `work`, and not in the configuration. */
  readonly stateFile: string;
  /** The plan that is made or applied; in `work`. */
  readonly planFile: string;
  /** What a plan makes of imported objects that have no configuration; in `work`, and not in the configuration. */
  readonly generatedConfiguration: string;
  /** What the job is told of where its providers come from; holds tokens. */
  readonly providers: string;
  /** Terraform's CLI configuration and what it needs: the job reads it, and cannot write to it. */
  readonly cli: string;
  /** Which packages of the agent's cache the job uses. */
  readonly packages: string;
  /** The variables that hooks have set; may hold secrets. */
  readonly hookValues: string;
  /** What is told of hooks that have ended. */
  readonly hookReports: string;
  /** Variables in files, as terraform wants them; in `work`. */
  readonly variables: string;
}

export const jobFilesAt = (root: string): JobFiles => ({
  root,
  spec: join(root, "spec.json"),
  journal: join(root, "journal"),
  prepared: join(root, "prepared.json"),
  configurationArchive: join(root, "configuration.tar.gz"),
  initialState: join(root, "initial.tfstate"),
  sharedStates: join(root, "shared-states.json"),
  configurationRecord: join(root, "configuration.json"),
  planFilesArchive: join(root, "plan-files.tar.gz"),
  planFiles: join(root, "plan-files"),
  raw: join(root, "raw"),
  spool: join(root, "spool"),
  states: join(root, "state"),
  steps: join(root, "steps"),
  work: join(root, "work"),
  stateFile: join(root, "work", "state", "terraform.tfstate"),
  planFile: join(root, "work", "plan.tfplan"),
  generatedConfiguration: join(root, "work", "generated.tf"),
  providers: join(root, "providers.json"),
  cli: join(root, "cli"),
  packages: join(root, "packages.json"),
  hookValues: join(root, "hooks.json"),
  hookReports: join(root, "hook-reports.json"),
  variables: join(root, "work", "variables"),
});

/** What is known of a job from its offer on. */
export interface StoredSpec {
  readonly job: JobSpec;
  /** The database's history that the offer belongs to: a grant of another one is not executed. */
  readonly clusterGeneration: string;
}

const specShape = z.object({ job: z.string(), clusterGeneration: z.string() });

/** Writes what the control plane said of a job; it holds the job token, and no other secret. */
export async function writeSpec(files: JobFiles, { job, clusterGeneration }: StoredSpec): Promise<void> {
  const encoded = Buffer.from(toBinary(JobSpecSchema, job)).toString("base64");
  const summary = { jobId: job.claim?.jobId, epoch: String(job.claim?.epoch), runId: job.runId };
  await writeWhole(files.spec, JSON.stringify({ ...summary, clusterGeneration, job: encoded }));
}

/**
 * Makes what was written down of a prepared job survive a crash of the machine; all at once, which costs hardly more than one sync. Until
 * then the control plane gives the job away again if it is lost.
 */
export async function secureJob({ root, spec, prepared }: JobFiles, journal: Pick<Journal, "flush">): Promise<void> {
  const files = [spec, prepared].map(syncFile);
  await Promise.all([...files, journal.flush(), syncDirectory(root), syncDirectory(dirname(root))]);
}

/** The same of what an apply was given with its grant, as far as that was written down: before its first step. */
export async function secureInputs({ root, providers, sharedStates }: JobFiles): Promise<void> {
  const files = [providers, sharedStates].map((path) => syncFile(path).catch(unlessAbsent));
  await Promise.all([...files, syncDirectory(root)]);
}

function unlessAbsent(error: unknown): void {
  if (errnoOf(error) !== "ENOENT") throw error;
}

/** Reads it back; undefined when it is not there in whole. */
export async function readSpec(files: JobFiles): Promise<StoredSpec | undefined> {
  try {
    const { job, clusterGeneration } = specShape.parse(JSON.parse(await readFile(files.spec, "utf8")));
    return { job: fromBinary(JobSpecSchema, Buffer.from(job, "base64")), clusterGeneration };
  } catch {
    return undefined;
  }
}

/** Lines for the log about what was done. */
const notes = z.array(z.string()).readonly().optional();

const preparedShape = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("ready"),
    enginePath: z.string(),
    engineVersion: z.string(),
    needsInit: z.boolean(),
    hasBackendBlock: z.boolean(),
    /** True if the state lies beside the configuration; absent (in it) in what older agents have prepared. */
    isStateOutside: z.boolean().optional(),
    /** What `terraform.workspace` is; absent (the default) in what older agents have prepared. */
    workspace: z.string().optional(),
    /** What its processes see its work as; absent (the run's) in what older agents have prepared. */
    placeName: z.string().optional(),
    notes,
  }),
  /** The job can never run: it is started only to say so. */
  z.object({
    kind: z.literal("unusable"),
    message: z.string(),
    engineVersion: z.string(),
    /** True if it lacks only the program: another agent may have it. */
    isEngineMissing: z.boolean().optional(),
    notes,
  }),
]);

/** What the preparation of a job found out. */
export type Prepared = Readonly<z.infer<typeof preparedShape>>;
export type ReadyJob = Extract<Prepared, { kind: "ready" }>;

export const writePrepared = (files: JobFiles, prepared: Prepared): Promise<void> =>
  writeWhole(files.prepared, JSON.stringify(prepared));

/** Reads it back; undefined when it is not there. */
export async function readPrepared(files: JobFiles): Promise<Prepared | undefined> {
  try {
    return preparedShape.parse(JSON.parse(await readFile(files.prepared, "utf8")));
  } catch {
    return undefined;
  }
}

/** Makes the directories of a job. */
export async function makeJobDirectories(files: JobFiles): Promise<void> {
  await makePrivateDirectory(files.root);
  await Promise.all([files.raw, files.states, files.steps, files.work].map(makePrivateDirectory));
}
