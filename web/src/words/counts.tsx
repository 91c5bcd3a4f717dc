import type { ChangeCounts } from "../../../src/gen/windlass/v1/run_pb.ts";
import { countText } from "../ui/format.ts";

const others = [
  ["imported", "to import"],
  ["moved", "to move"],
  ["forget", "to forget"],
  ["drift", "drifted"],
] as const;

/** `+2 ~1 −0`: what a plan would change, or an apply did; zeros stand back. */
export function Counts({ counts }: { readonly counts: ChangeCounts | undefined }) {
  if (counts === undefined) return <span className="quiet">–</span>;
  const { add, change, destroy } = counts;
  const more = others.filter(([name]) => counts[name] > 0).map(([name, word]) => `${counts[name]} ${word}`);
  const title = `${countText(add, "to create", "to create")}, ${change} to change, ${destroy} to destroy`;
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap font-mono text-xs" title={title}>
      <span className={add > 0 ? "text-success" : "quiet"}>+{add}</span>
      <span className={change > 0 ? "text-warning" : "quiet"}>~{change}</span>
      <span className={destroy > 0 ? "text-error" : "quiet"}>−{destroy}</span>
      {more.length > 0 && <span className="quiet font-sans">{more.join(", ")}</span>}
    </span>
  );
}
