import { join } from "node:path";
import { JobPhase, type JobSpec } from "../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../lib/clock.ts";
import { type ClaimKey, isSafeName } from "./claim.ts";
import type { DiskReserve } from "./disk-reserve.ts";
import { isOutOfSpace, removeTree } from "./durable-files.ts";
import { type StoredJob, writeNewJob } from "./stored-jobs.ts";

/** Why an offer of this form cannot be taken by any agent of this version; undefined when it can. */
export function whyUnknown({ runId, phase }: JobSpec): string | undefined {
  if (!isSafeName(runId)) return "the offer names no run";
  if (phase === JobPhase.PLAN || phase === JobPhase.APPLY) return undefined;
  return `this agent does not know the phase ${phase}: update it`;
}

export interface Intake {
  /** Where jobs lie. */
  readonly root: string;
  readonly minFreeBytes: number;
  readonly freeBytes: () => Promise<bigint>;
  readonly reserve: DiskReserve | undefined;
  readonly clock: Clock;
}

export interface NewJob {
  readonly key: ClaimKey;
  readonly spec: JobSpec;
  readonly clusterGeneration: string;
}

/** Writes an offered job to the disk; a text says why there is no room for it. */
export async function takeIn(intake: Intake, { key, spec, clusterGeneration }: NewJob): Promise<StoredJob | string> {
  const { root, clock } = intake;
  try {
    const lack = await whatLacks(intake);
    if (lack !== undefined) return lack;
    return await writeNewJob(root, { key, stored: { job: spec, clusterGeneration } }, () => clock.now());
  } catch (error) {
    await removeTree(join(root, key)).catch(() => {});
    if (isOutOfSpace(error)) return "disk full: the job cannot be written down";
    return error instanceof Error ? error.message : String(error);
  }
}

async function whatLacks({ reserve, freeBytes, minFreeBytes }: Intake): Promise<string | undefined> {
  if ((await reserve?.ensure()) === false) return "disk full: the space that is kept for states cannot be taken";
  const free = await freeBytes();
  return free < minFreeBytes ? `disk full: ${free} bytes are free, ${minFreeBytes} are needed` : undefined;
}
