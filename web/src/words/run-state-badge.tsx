import type { Run } from "../../../src/gen/windlass/v1/run_pb.ts";
import { StatusBadge } from "../ui/status-badge.tsx";
import { hasEnded, runStateWords } from "./run-states.ts";
import { waitingWords } from "./waiting.ts";

/** The state of a run and, on the same line, why it waits. */
export function RunStateBadge({ run, large = false }: { readonly run: Run; readonly large?: boolean }) {
  const { text, tone } = runStateWords(run.state);
  if (hasEnded(run) && run.waiting !== undefined)
    return <StatusBadge tone="wait" text={`${text} — needs a decision`} title={run.waiting.detail} large={large} />;
  return <StatusBadge tone={tone} text={text} title={run.waiting?.detail} large={large} />;
}

/** Why a run waits, as a chip of a list; nothing if it does not. */
export function WaitingChip({ run }: { readonly run: Run }) {
  if (run.waiting === undefined) return null;
  return (
    <span
      title={run.waiting.detail}
      className="inline-block max-w-full truncate rounded-selector border border-base-300 px-1.5 text-xs"
    >
      {waitingWords(run.waiting).text}
    </span>
  );
}
