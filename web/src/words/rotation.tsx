import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { RelativeTime } from "../ui/relative-time.tsx";
import { StatusBadge } from "../ui/status-badge.tsx";

/** What tokens and API keys have in common: another one may have taken their place. */
interface Replaceable {
  readonly id: string;
  /** First characters of the secret: what tells two of one name apart. */
  readonly prefix: string;
  /** Id of what replaces it; empty if nothing does. */
  readonly replacedBy: string;
  readonly active: boolean;
  readonly expireTime?: Timestamp | undefined;
  readonly revokeTime?: Timestamp | undefined;
}

interface RotationProps {
  readonly one: Replaceable;
  /** All rows that are shown: the other one may be among them. */
  readonly rows: readonly Replaceable[];
}

/** Whether it is good, and whether another one has taken its place. */
export function StandingBadge({ one, rows }: RotationProps) {
  const { active, replacedBy, revokeTime, expireTime } = one;
  const ended = revokeTime === undefined ? "Expired" : "Revoked";
  if (replacedBy === "") return <StatusBadge tone={active ? "good" : "quiet"} text={active ? "Active" : ended} />;
  const next = rows.find(({ id }) => id === replacedBy);
  return (
    <span title={replacedBy} data-testid="replaced">
      <StatusBadge tone={active ? "wait" : "quiet"} text={active ? "Rotated" : ended} />
      <span className="quiet block text-xs">replaced by {next === undefined ? replacedBy : `${next.prefix}…`}</span>
      {active && (
        <span className="quiet block text-xs">
          still valid, ends <RelativeTime time={expireTime} />
        </span>
      )}
    </span>
  );
}

/** Its prefix, and which one it has taken the place of. */
export function PrefixLine({ one: { id, prefix }, rows }: RotationProps) {
  const before = rows.find(({ replacedBy }) => replacedBy === id);
  return (
    <span className="quiet block text-xs">
      <span className="font-mono">{prefix}…</span>
      {before !== undefined && (
        <span className="block" data-testid="replaces">
          replaces <span className="font-mono">{before.prefix}…</span>
        </span>
      )}
    </span>
  );
}
