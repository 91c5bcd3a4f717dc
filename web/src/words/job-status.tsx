import { JobStatus, RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { StatusBadge, type Tone } from "../ui/status-badge.tsx";

const words: Readonly<Record<JobStatus, readonly [string, Tone]>> = {
  [JobStatus.UNSPECIFIED]: ["Unknown", "quiet"],
  [JobStatus.QUEUED]: ["Queued", "quiet"],
  [JobStatus.OFFERED]: ["Offered", "quiet"],
  [JobStatus.STARTED]: ["Running", "busy"],
  [JobStatus.FINISHED]: ["Finished", "good"],
  [JobStatus.ERRORED]: ["Failed", "bad"],
  [JobStatus.CANCELED]: ["Canceled", "quiet"],
  [JobStatus.INTERRUPTED]: ["Interrupted", "bad"],
};

export function JobStatusBadge({ status, title }: { readonly status: JobStatus; readonly title?: string }) {
  const [text, tone] = words[status] ?? words[JobStatus.UNSPECIFIED];
  return <StatusBadge tone={tone} text={text} title={title} />;
}

export const phaseText = (phase: RunPhase): string =>
  phase === RunPhase.PLAN ? "plan" : phase === RunPhase.APPLY ? "apply" : "–";
