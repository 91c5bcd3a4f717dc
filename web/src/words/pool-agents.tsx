import type { AgentPoolCounts } from "../../../src/gen/windlass/v1/agent_pool_pb.ts";
import { StatusBadge, type Tone } from "../ui/status-badge.tsx";

/** How many agents a pool has, by what they do; a pool without any says so. */
export function PoolAgents({ counts }: { readonly counts: AgentPoolCounts | undefined }) {
  const { idleAgents = 0, busyAgents = 0, unknownAgents = 0, erroredAgents = 0, pausedAgents = 0 } = counts ?? {};
  const kinds: readonly (readonly [number, string, Tone])[] = [
    [idleAgents, "idle", "good"],
    [busyAgents, "busy", "busy"],
    [unknownAgents, "silent", "wait"],
    [erroredAgents, "lost", "bad"],
  ];
  const present = kinds.filter(([count]) => count > 0);
  if (idleAgents + busyAgents === 0 && present.length === 0) return <StatusBadge tone="wait" text="No agent online" />;
  return (
    <span className="inline-flex flex-wrap gap-x-3">
      {present.map(([count, word, tone]) => (
        <StatusBadge key={word} tone={tone} text={`${count} ${word}`} />
      ))}
      {pausedAgents > 0 && <span className="quiet text-sm">{pausedAgents} paused</span>}
    </span>
  );
}
