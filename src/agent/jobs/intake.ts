import { join } from "node:path";
import { JobPhase, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import { shownSize } from "../../lib/text/size-text.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { type ClaimKey, isSafeName } from "../contract/claim.ts";
import type { DiskReserve } from "../disk/disk-reserve.ts";
import { isOutOfSpace, removeTree } from "../disk/durable-files.ts";
import { type StoredJob, writeNewJob } from "./stored-jobs.ts";

/** Why an offer of this form cannot be taken by any agent of this version; undefined when it can. */
export function unsupportedReason({ runId, phase }: JobSpec): string | undefined {
  if (!isSafeName(runId)) return "the offer names no run";
  if (phase === JobPhase.PLAN || phase === JobPhase.APPLY) return undefined;
  return `this agent does not know the phase ${phase}: update it`;
}

export interface OfferIntake {
  /** Where jobs lie. */
  readonly root: string;
  readonly minFreeBytes: number;
  readonly freeBytes: () => Promise<bigint>;
  readonly reserve: DiskReserve | undefined;
  readonly clock: Clock;
  /** Told of a directory that stays although its job was not taken. */
  readonly onRemains: (directory: string, error: unknown) => void;
}

export interface NewJob {
  readonly key: ClaimKey;
  readonly spec: JobSpec;
  readonly clusterGeneration: string;
}

export type OfferStorage =
  | { readonly kind: "stored"; readonly job: StoredJob }
  | { readonly kind: "no_room"; readonly reason: string };

/** Writes an offered job to the disk, if there is room for it. */
export async function storeOffer(intake: OfferIntake, { key, spec, clusterGeneration }: NewJob): Promise<OfferStorage> {
  const { root, clock, onRemains } = intake;
  try {
    const lack = await lackOfRoom(intake);
    if (lack !== undefined) return { kind: "no_room", reason: lack };
    const stored = { job: spec, clusterGeneration };
    return { kind: "stored", job: await writeNewJob(root, { key, stored }, () => clock.now()) };
  } catch (error) {
    await removeTree(join(root, key)).catch((remains: unknown) => onRemains(join(root, key), remains));
    const reason = isOutOfSpace(error) ? "disk full: the job cannot be written down" : messageOf(error);
    return { kind: "no_room", reason };
  }
}

async function lackOfRoom(intake: OfferIntake): Promise<string | undefined> {
  await intake.reserve?.ensure();
  return noRoom(intake, Number(await intake.freeBytes()));
}

/** Why there is no room for another job, with this much free; undefined if there is. The reserve has been asked for. */
export function noRoom(
  { reserve, minFreeBytes }: Pick<OfferIntake, "reserve" | "minFreeBytes">,
  free: number,
): string | undefined {
  const needed = Math.max(minFreeBytes, reserve?.missingBytes ?? 0);
  const isEnough = (reserve?.missingBytes ?? 0) === 0 && free >= minFreeBytes;
  return isEnough ? undefined : `disk full: ${shownSize(free)} free, ${shownSize(needed)} needed`;
}
