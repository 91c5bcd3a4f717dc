import { dirname, join, relative } from "node:path";
import { makePrivateDirectory } from "../disk/durable-files.ts";
import { configurationRoot, type ReadyJob } from "../jobs/files.ts";
import type { AgentJob } from "../jobs/job.ts";
import { bubblewrapArgv, isWithin, searchedDirectories } from "../sandbox/bubblewrap.ts";
import { hiddenPathsOf, shownOf } from "../sandbox/hidden-paths.ts";
import type { JobContext } from "./services.ts";
import { placeWorkLink, removeWorkLink } from "./work-link.ts";

/** A terraform command as it is spawned. */
export interface PlacedCommand {
  readonly argv: readonly string[];
  /** Where it is spawned. */
  readonly cwd: string;
  readonly isSandboxed: boolean;
}

/** Where the processes of a job work, and how they see it. */
export interface JobPlace {
  /** Terraform's working directory, for this agent: only what lies in the job's work belongs to the job. */
  readonly directory: string;
  /** The same directory as terraform sees it: the same for a plan and its apply on any agent. See place-name.ts. */
  readonly seenDirectory: string;
  /** The job's work as its processes see it. */
  readonly seenWork: string;
  /** The same of any path in it: what the job's processes call it, with a sandbox or without. */
  readonly seenPlace: (path: string) => string;
  /** A path in the job's work, for an argument. */
  readonly seen: (path: string) => string;
  /** The directory of the CLI configuration as its processes see it. */
  readonly seenCli: string;
  /** A command that may read these paths beside what every job sees. */
  readonly command: (argv: readonly string[], readable: readonly string[]) => PlacedCommand;
  /** To be called when no process of the job is left. */
  readonly leave: () => Promise<void>;
}

/**
 * Makes the place: a sandbox that shows nothing of this machine but the job's work and the system, or a link to the
 * work.
 */
export async function placeJob(
  job: AgentJob,
  context: JobContext,
  { enginePath, placeName = job.spec.runId }: Pick<ReadyJob, "enginePath" | "placeName">,
): Promise<JobPlace> {
  return jobPlaceOf(job, context, { enginePath, placeName, isLinked: true });
}

/** The same for what only looks at what the job has made: the run's next job may have the link. */
export const placeBeside = (
  job: AgentJob,
  context: JobContext,
  { enginePath, placeName = job.spec.runId }: Pick<ReadyJob, "enginePath" | "placeName">,
): Promise<JobPlace> => jobPlaceOf(job, context, { enginePath, placeName, isLinked: false });

interface Placing {
  readonly enginePath: string;
  readonly placeName: string;
  readonly isLinked: boolean;
}

async function jobPlaceOf(
  job: AgentJob,
  context: JobContext,
  { enginePath, placeName, isLinked }: Placing,
): Promise<JobPlace> {
  const { work, cli } = job.files;
  const directory = join(configurationRoot(work), job.spec.workingDirectory);
  const seenWork = join(context.config.workRoot, placeName);
  const seenPlace = (path: string) => join(seenWork, relative(work, path));
  const common = { directory, seenDirectory: seenPlace(directory), seenWork, seenPlace };
  const { sandbox } = context;
  if (sandbox.kind === "none") {
    const link = isLinked ? await placeWorkLink(context.config.workRoot, placeName, work) : undefined;
    const cwd = isLinked ? common.seenDirectory : directory;
    const command = (argv: readonly string[]) => ({ argv, cwd, isSandboxed: false });
    const leave = async () => (link === undefined ? undefined : removeWorkLink(link));
    return { ...common, seen: (path) => path, seenCli: cli, command, leave };
  }
  await makePrivateDirectory(work);
  const always = readablePaths(context, enginePath);
  const seenCli = `${seenWork}.cli`;
  const seen = { work, place: seenWork, cwd: common.seenDirectory, moved: [{ path: cli, at: seenCli }] };
  const command = (argv: readonly string[], readable: readonly string[]) => ({
    argv: bubblewrapArgv(sandbox, { ...seen, argv, readable: [...always, ...readable] }),
    cwd: work,
    isSandboxed: true,
  });
  return { ...common, seen: seenPlace, seenCli, command, leave: async () => {} };
}

/** The program, what it may call, and what the operator shows to jobs: never the directory of an agent. */
export function readablePaths({ config }: JobContext, enginePath: string): readonly string[] {
  const hidden = hiddenPathsOf(config);
  const searched = searchedDirectories(config.searchPath, hidden);
  const shown = (config.sandboxPaths ?? []).filter((path) => shownOf(path, hidden) === undefined);
  const engine = isWithin(enginePath, "/usr") || searched.includes(dirname(enginePath)) ? [] : [enginePath];
  return [...searched, ...shown, ...engine];
}
