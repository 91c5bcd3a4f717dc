import type { WorkspaceLock } from "../../../src/gen/windlass/v1/workspace_pb.ts";
import { shortId } from "../ui/format.ts";
import { LockIcon } from "../ui/icons.tsx";
import { callerName } from "./caller.ts";

/** Who holds a workspace, in a list. */
export function LockBadge({ lock }: { readonly lock: WorkspaceLock | undefined }) {
  if (lock === undefined) return <span className="quiet">free</span>;
  const holder = lock.runId === "" ? callerName(lock.holder) : shortId(lock.runId);
  return (
    <span className="inline-flex max-w-56 align-middle items-center gap-1.5" title={lock.reason}>
      <LockIcon />
      <span className="truncate">{holder}</span>
    </span>
  );
}
