import { hostname } from "node:os";
import { JobPhase, type JobSpec } from "../gen/windlass/agent/v1/job_pb.ts";
import { engineNameOf } from "./engine-name.ts";
import type { Prepared } from "./job-files.ts";

/** The first lines of a job's log: who runs what, where, with which program, and where that came from. */
export function heading(spec: JobSpec, prepared: Prepared, agentName: string): string {
  const program = engineNameOf(spec);
  const version = prepared.engineVersion === "" ? `no usable ${program}` : `${program} ${prepared.engineVersion}`;
  const phase = spec.phase === JobPhase.APPLY ? "apply" : "plan";
  const lines = [
    `${phase} of run ${spec.runId}, agent ${agentName} on ${hostname()}, ${version}`,
    ...(prepared.notes ?? []),
  ];
  return `${lines.map((line) => `Windlass: ${line}\n`).join("")}\n`;
}

/** A line of our own between or after terraform's. */
export const notice = (text: string): string => `\nWindlass: ${text}\n`;
