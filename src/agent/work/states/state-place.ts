import { constants } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { errnoOf } from "../../../lib/values/errors.ts";
import { ownStatePath } from "../../../terraform/configuration/workspace-name.ts";
import { makePrivateDirectory, removeTree } from "../../disk/durable-files.ts";
import type { Execution } from "../execution.ts";

type Placed = Pick<Execution, "job" | "ready" | "place">;

/** Where terraform would look by itself. */
const ownStateFile = ({ ready, place }: Pick<Placed, "ready" | "place">): string =>
  join(place.directory, ownStatePath(ready.workspace));

/** The first part of that path: what lies there is removed in whole. */
const ownStateRoot = ({ ready, place }: Pick<Placed, "ready" | "place">): string =>
  join(place.directory, ownStatePath(ready.workspace).split(sep)[0] ?? "");

/**
 * Where terraform keeps its state: beside the configuration, so that what lists or packs the configuration does not
 * meet it.
 */
export const stateFileOf = ({ job, ready, place }: Placed): string =>
  ready.isStateOutside === true ? job.files.stateFile : ownStateFile({ ready, place });

/** Where terraform writes a state that it could not save. */
export const erroredFileOf = ({ place }: Placed): string => join(place.directory, "errored.tfstate");

/** The same file as an argument of plan and apply; undefined for a job that an older agent has prepared. */
export const stateArgument = ({ job, ready, place }: Placed): string | undefined =>
  ready.isStateOutside === true ? place.seen(job.files.stateFile) : undefined;

/** Makes the directory, and puts there what the job was given. */
export async function makeStatePlace(stateFile: string, given: string | undefined): Promise<void> {
  await makePrivateDirectory(dirname(stateFile));
  if (given !== undefined) await copyFile(given, stateFile, constants.COPYFILE_EXCL);
}

/**
 * Init cannot be told where the state is, and looks into it for the providers to install. It evaluates nothing
 * meanwhile.
 */
export async function lendState({ job, ready, place }: Placed): Promise<void> {
  if (ready.isStateOutside !== true) return;
  const borrowed = ownStateFile({ ready, place });
  await removeTree(ownStateRoot({ ready, place }));
  await mkdir(dirname(borrowed), { recursive: true });
  await copyFile(job.files.stateFile, borrowed, constants.COPYFILE_EXCL).catch((error: unknown) => {
    if (errnoOf(error) !== "ENOENT") throw error;
  });
}

/** Before anything looks at the configuration. */
export async function takeStateBack({ ready, place }: Placed): Promise<void> {
  if (ready.isStateOutside === true) await removeTree(ownStateRoot({ ready, place }));
}
