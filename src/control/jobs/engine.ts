import type { Engine } from "../../domain/workspaces/workspace.ts";
import { JobEngine } from "../../gen/windlass/agent/v1/job_pb.ts";

/** An engine as agents name it; null for none, or for one of a newer agent. */
export function engineOf(engine: JobEngine): Engine | null {
  if (engine === JobEngine.TERRAFORM) return "terraform";
  return engine === JobEngine.TOFU ? "tofu" : null;
}

/** An engine for agents. */
export const jobEngineOf = (engine: Engine): JobEngine => (engine === "tofu" ? JobEngine.TOFU : JobEngine.TERRAFORM);
