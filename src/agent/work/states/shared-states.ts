import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import * as z from "zod";
import { abortable, linkSignals } from "../../../lib/async/abort.ts";
import { readFile, rename, stat } from "../../../lib/fs/at-once.ts";
import { writeWhole } from "../../../lib/fs/durable.ts";
import { workspaceNamePattern } from "../../../lib/words/workspace-names.ts";
import { mentions } from "../../../terraform/configuration/mentions.ts";
import { sensitiveTexts } from "../../../terraform/state/outputs.ts";
import { makePrivateDirectory, removeTree } from "../../disk/durable-files.ts";
import { configurationRoot } from "../../jobs/files.ts";
import type { AgentJob } from "../../jobs/job.ts";
import type { JobLog } from "../../jobs/log.ts";
import type { JobPlace } from "../job-place.ts";
import type { JobContext } from "../services.ts";
import { callForJob } from "../way-problem.ts";
import { readStates } from "./missing-states.ts";

const sharedShape = z.array(
  z.object({ workspace: z.string().regex(new RegExp(workspaceNamePattern)), state: z.string(), problem: z.string() }),
);

/** What other workspaces let a job read: a state with outputs and no resources, or why it cannot be read. */
export type SharedStates = Readonly<z.infer<typeof sharedShape>>;

/** Secrets of shared states that are hidden in the log, in characters: each costs memory in many forms. */
const maxSecretChars = 128 * 1024;

/**
 * Fetches the shared states of a granted job once in its life, as long as it takes: what was fetched first counts, so
 * that the log that is made after a restart hides the same values; the first step makes it survive the machine. Rejects when they are refused for good, and when the
 * agent stops.
 */
export async function fetchSharedStates(job: AgentJob, context: JobContext): Promise<SharedStates> {
  const known = await readFile(job.files.sharedStates, "utf8").catch(() => undefined);
  if (known !== undefined) return sharedShape.parse(JSON.parse(known));
  // A step that was started without them, by an older agent, goes on without them.
  if (job.journal.has("step_started")) return [];
  const artifacts = context.artifacts(job.spec.jobToken);
  const ask = () => artifacts.sharedStates(context.stopping);
  try {
    const what = "fetch the outputs of other workspaces";
    const found = job.given?.sharedStates ?? (await callForJob(ask, { job, context, what }, context.stopping));
    const states = sharedShape.parse(
      found.map(({ workspace, state, problem }) => ({
        workspace,
        state: Buffer.from(state).toString("utf8"),
        problem,
      })),
    );
    if (states.length > 0) await writeWhole(job.files.sharedStates, JSON.stringify(states));
    return states;
  } catch (error) {
    context.stopping.throwIfAborted();
    if (!(error instanceof ConnectError)) throw error;
    throw new Error(`the outputs of other workspaces could not be fetched: ${error.rawMessage}`, { cause: error });
  }
}

/** What of shared states must not be seen in the log, and the workspaces of which it is too much. */
export function secretsOf(states: SharedStates): {
  readonly secrets: readonly string[];
  readonly open: readonly string[];
} {
  const secrets = new Set<string>();
  const open: string[] = [];
  let left = maxSecretChars;
  for (const { workspace, state } of states) {
    const texts = sensitiveTexts(state).filter((text) => !secrets.has(text));
    const chars = texts.reduce((sum, text) => sum + text.length, 0);
    if (chars > left) open.push(workspace);
    else for (const text of texts) secrets.add(text);
    left -= chars > left ? 0 : chars;
  }
  return { secrets: [...secrets], open };
}

/** The variable of terraform that says where the shared states are; in the environment, so that nobody has to declare it. */
export const sharedStatesVariable = "TF_VAR_windlass_shared_states";

/** Where they are, in the job's work: not in the configuration. */
export const sharedStatesIn = (work: string): string => join(work, "shared-states");

/**
 * Writes the shared states beside the configuration, each whole or not at all, in place of whatever stands there; and to
 * `.windlass/states` in terraform's working directory, if the configuration says that it reads them there.
 */
export async function placeSharedStates(
  { job, place }: { readonly job: Pick<AgentJob, "files">; readonly place: Pick<JobPlace, "directory"> },
  states: SharedStates,
): Promise<void> {
  const { work } = job.files;
  await placeStates(sharedStatesIn(work), states);
  const inside = join(place.directory, ".windlass");
  await removeTree(inside);
  if (states.length > 0 && (await mentions(configurationRoot(work), /\.windlass\b/, "deep")))
    await placeStates(join(inside, "states"), states);
}

async function placeStates(directory: string, states: SharedStates): Promise<void> {
  await removeTree(directory);
  const readable = states.filter(({ state }) => state !== "");
  if (readable.length === 0) return;
  await makePrivateDirectory(directory);
  for (const { workspace, state } of readable) {
    const path = join(directory, `${workspace}.tfstate`);
    await writeFile(`${path}.partial`, state, { mode: 0o600, flag: "wx" });
    await rename(`${path}.partial`, path);
  }
}

interface Telling {
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly log: JobLog;
  readonly variables: Promise<{ readonly shared: SharedStates }>;
}

const section = "01-shared-states";

/** What a plan reads and does not get: terraform would only say that there is no such file. */
async function missingStates({ files, spec, isApply }: AgentJob, states: SharedStates): Promise<readonly string[]> {
  if (isApply) return [];
  const told = new Set(states.map(({ workspace }) => workspace));
  const missing = (await readStates(configurationRoot(files.work))).filter((name) => !told.has(name));
  return missing.map(
    (name) =>
      `${name} does not share its outputs with ${spec.workspace}, or has no state yet: windlass workspace edit ${name} --share-state-with ${spec.workspace}`,
  );
}

/** Says in the log which states cannot be read. It stands there before any step, so nothing waits once one was started. */
export async function tellProblems({ job, context, log, variables }: Telling): Promise<void> {
  if (await isThere(join(job.files.raw, section))) return log.say(section, () => "");
  if (job.journal.has("step_started")) return;
  using until = linkSignals(context.stopping, job.canceled);
  const found = await abortable(variables, until.signal).catch(() => undefined);
  const states = found?.shared ?? [];
  const problems = states
    .filter(({ problem }) => problem !== "")
    .map(({ workspace, problem }) => `outputs of workspace ${workspace} cannot be read: ${problem}`);
  const open = secretsOf(states).open.map(
    (workspace) => `workspace ${workspace} has more sensitive outputs than this log can hide: do not print them`,
  );
  const lines = [...problems, ...open, ...(await missingStates(job, states))];
  if (lines.length > 0) await log.say(section, () => `${lines.map((line) => `Windlass: ${line}\n`).join("")}\n`);
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
