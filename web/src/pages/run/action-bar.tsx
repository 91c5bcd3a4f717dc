import { type ReactNode, useState } from "react";
import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { useNow } from "../../ui/now.ts";
import { Counts } from "../../words/counts.tsx";
import { ActionDialog } from "./action-dialog.tsx";
import { offeredActions, type RunAction } from "./run-actions.ts";

const labels: Readonly<Record<RunAction, string>> = {
  confirm: "Confirm & apply",
  discard: "Discard",
  cancel: "Cancel run",
  "force-cancel": "Force cancel",
  retry: "Retry",
  "force-execute": "Run now",
  resolve: "Decide",
};

const tones = {
  confirm: "primary",
  resolve: "primary",
  "force-cancel": "danger",
  discard: "plain",
  cancel: "plain",
  retry: "plain",
  "force-execute": "plain",
} as const;

/** What can be done with a run, always at hand at the foot of the page. */
export function ActionBar({
  run,
  children,
}: {
  readonly run: Run;
  /** What leads to the part of the page that says more. */
  readonly children: ReactNode;
}) {
  const now = useNow();
  const [open, setOpen] = useState<RunAction>();
  // What a hook has denied is an owner's to decide.
  const lack = useLack(Permission.OWN);
  const destroys = run.plannedChanges?.destroy ?? 0;
  const labelOf = (action: RunAction) =>
    action === "confirm" && destroys > 0 ? `${labels.confirm} · destroys ${destroys}` : labels[action];
  return (
    <section
      aria-label="Actions"
      className="panel sticky bottom-3 z-20 flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-2.5 shadow-lg"
    >
      <div className="flex min-w-0 flex-wrap items-center gap-x-4 text-sm">
        <Counts counts={run.appliedChanges ?? run.plannedChanges} />
        <span role="status">{children}</span>
        {run.planSha256 !== "" && (
          <span
            className="quiet font-mono text-xs"
            title={`SHA-256 of the plan: ${run.planSha256}`}
            data-testid="plan-hash"
          >
            plan {run.planSha256.slice(0, 12)}
          </span>
        )}
      </div>
      <div className="flex flex-wrap gap-2">
        {offeredActions(run, now)
          .toReversed()
          .map(({ action, reason }) => (
            <ActionButton
              key={action}
              testId={`run-${action}`}
              tone={destroys > 0 && action === "confirm" ? "danger" : tones[action]}
              disabledReason={reason ?? (action === "confirm" && run.deniedBy !== "" ? lack : undefined)}
              onClick={() => setOpen(action)}
            >
              {labelOf(action)}
            </ActionButton>
          ))}
      </div>
      {open !== undefined && <ActionDialog run={run} action={open} onClose={() => setOpen(undefined)} />}
    </section>
  );
}
