import { hostname } from "node:os";
import { JobPhase, type JobSpec } from "../../gen/windlass/agent/v1/job_pb.ts";
import { platformName } from "../../terraform/engines/releases/release.ts";
import { engineNameOf } from "../contract/engine-name.ts";
import type { Prepared } from "./files.ts";

/** The first lines of a job's log: who runs what, where, with which program, and where that came from. */
export function heading(spec: JobSpec, prepared: Prepared, agentName: string): string {
  const program = engineNameOf(spec);
  // Nothing was looked for where the configuration was no good, and what was not found is told as the reason.
  const platform = platformName(process.platform, process.arch);
  const version = prepared.engineVersion === "" ? "" : `, ${program} ${prepared.engineVersion} (${platform})`;
  const phase = spec.phase === JobPhase.APPLY ? "apply" : "plan";
  const lines = [
    `${phase} of run ${spec.runId}, agent ${agentName} on ${hostname()}${version}`,
    ...(prepared.notes ?? []),
    ...spec.notices.map((notice) => `warning: ${oneLine(notice)}`),
  ];
  return `${lines.map((line) => `Windlass: ${line}\n`).join("")}\n`;
}

/** What the control plane says is a line too, whatever it says. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");

/** A line of our own between or after terraform's. */
export const notice = (text: string): string => `\nWindlass: ${text}\n`;
