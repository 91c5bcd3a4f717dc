import { constants } from "node:fs";
import { copyFile, open, readFile } from "node:fs/promises";
import { abortable, linkSignals } from "../../../lib/async/abort.ts";
import { writeDurably } from "../../../lib/fs/durable.ts";
import { errnoOf } from "../../../lib/values/errors.ts";
import { hasEncryption } from "../../../terraform/configuration/configuration.ts";
import type { GivenState } from "../../../terraform/state/given-state.ts";
import { parseState } from "../../../terraform/state/state.ts";
import { engineNameOf } from "../../contract/engine-name.ts";
import { removeFile } from "../../disk/durable-files.ts";
import type { Execution } from "../execution.ts";
import { stateFileOf } from "./state-place.ts";

/**
 * The state that an apply begins with. Tofu's first apply of a workspace gets an empty one: without it, what tofu
 * writes before its end holds only the resource that changed last (it reads the file anew at each change). Never where
 * states are encrypted: tofu refuses to read one that is not.
 */
export async function givenState(execution: Execution): Promise<GivenState | undefined> {
  const { state } = execution.job.spec;
  if (state !== undefined) return { ...state, serial: Number(state.serial) };
  if (engineNameOf(execution.job.spec) !== "tofu" || execution.ready.isStateOutside !== true) return undefined;
  const known = await readSeed(execution);
  // What runs, or ran, was begun with it or without.
  if (execution.job.journal.ofStep("step_started", "apply") !== undefined) return known;
  if (known === undefined && !(await mayBeSeeded(execution))) return undefined;
  if (known === undefined) await writeDurably(execution.job.files.initialState, emptyState(execution));
  // A copy that was not finished is made anew; init ran here, and no link of its is followed.
  await removeFile(stateFileOf(execution));
  await copyFile(execution.job.files.initialState, stateFileOf(execution), constants.COPYFILE_EXCL);
  return known ?? (await readSeed(execution));
}

async function readSeed({ job }: Execution): Promise<GivenState | undefined> {
  try {
    const seed = await parseState(await readFile(job.files.initialState));
    return seed.kind === "valid" ? seed : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Only where it is known that nothing encrypts: a job whose variables do not come is not started. */
async function mayBeSeeded({ job, context, place, variables }: Execution): Promise<boolean> {
  using until = linkSignals(context.stopping, job.canceled);
  try {
    const { environment } = await abortable(variables, until.signal);
    if (environment.some(({ name, value }) => name === "TF_ENCRYPTION" && value.trim() !== "")) return false;
  } catch {
    context.stopping.throwIfAborted();
    return false;
  }
  return !(await isEncrypted(job.files.planFile)) && !(await hasEncryption(place.directory));
}

/** A plan is a zip file; one that tofu has encrypted is a JSON document. */
async function isEncrypted(planFile: string): Promise<boolean> {
  await using file = await open(planFile);
  const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead < 2 || buffer.toString("latin1") !== "PK";
}

/** As tofu writes one, but for the serial: its own first one is 1. */
const emptyState = ({ ready, context }: Execution): string =>
  `${JSON.stringify(
    {
      version: 4,
      terraform_version: ready.engineVersion,
      serial: 0,
      lineage: context.random.uuid(),
      outputs: {},
      resources: [],
      check_results: null,
    },
    undefined,
    2,
  )}\n`;
