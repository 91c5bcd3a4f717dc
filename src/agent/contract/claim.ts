import { create } from "@bufbuild/protobuf";
import { type JobClaim, JobClaimSchema } from "../../gen/windlass/agent/v1/job_pb.ts";

/** One claim as a name: of a directory, of a key in a map. */
export type ClaimKey = string;

const safeName = /^[A-Za-z0-9_-]{1,128}$/;

/** True when a name that the control plane sent may become part of a path. */
export const isSafeName = (name: string): boolean => safeName.test(name);

/** The key of a claim; undefined for a claim that is absent, or that could not be the name of a directory. */
export function claimKey(claim: JobClaim | undefined): ClaimKey | undefined {
  if (claim === undefined || !isSafeName(claim.jobId) || claim.epoch < 1n) return undefined;
  return `${claim.jobId}-${claim.epoch}`;
}

export const newClaim = (jobId: string, epoch: bigint): JobClaim => create(JobClaimSchema, { jobId, epoch });
