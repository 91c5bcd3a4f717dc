import { JobEngine, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { EngineName } from "../../terraform/engines/engine.ts";

export const jobEngineOf = (engine: EngineName): JobEngine =>
  engine === "tofu" ? JobEngine.TOFU : JobEngine.TERRAFORM;

/** What people call the program that a job asks for. */
export const engineNameOf = ({ engine }: Pick<JobSpec, "engine">): EngineName =>
  engine === JobEngine.TOFU ? "tofu" : "terraform";
