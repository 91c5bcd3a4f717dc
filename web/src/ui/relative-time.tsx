import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { absoluteText, dateOf, durationText, relativeText } from "./format.ts";
import { useNow } from "./now.ts";

/** `3 min ago`, with the absolute time as its tooltip; an unknown time reads "never". */
export function RelativeTime({ time, never = "never" }: { time: Timestamp | undefined; never?: string }) {
  const now = useNow();
  const at = dateOf(time);
  if (at === undefined) return <span className="quiet">{never}</span>;
  return (
    <time dateTime={at.toISOString()} title={absoluteText(at)} className="whitespace-nowrap">
      {relativeText(at, now)}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Elapsed({ from, to }: { from: Timestamp | undefined; to: Timestamp | undefined }) {
  const now = useNow();
  const start = dateOf(from);
  if (start === undefined) return null;
  const end = dateOf(to) ?? now;
  return (
    <span title={`since ${absoluteText(start)}`} className="whitespace-nowrap">
      {durationText(Math.max(0, end.getTime() - start.getTime()))}
    </span>
  );
}
