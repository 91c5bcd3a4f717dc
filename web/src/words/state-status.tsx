import { StateStatus, type StateVersion } from "../../../src/gen/windlass/v1/state_pb.ts";
import { StatusBadge } from "../ui/status-badge.tsx";

/** Whether a state is the workspace's, was, or is kept aside and why. */
export function StateStatusBadge({
  version: { status, quarantineReason },
}: {
  readonly version: Pick<StateVersion, "status" | "quarantineReason">;
}) {
  switch (status) {
    case StateStatus.CURRENT:
      return <StatusBadge tone="good" text="Current" />;
    case StateStatus.SUPERSEDED:
      return <StatusBadge tone="quiet" text="Earlier" />;
    case StateStatus.QUARANTINED:
      return <StatusBadge tone="bad" text="Kept aside" title={quarantineReason} />;
    default:
      return <StatusBadge tone="quiet" text="Unknown" />;
  }
}
