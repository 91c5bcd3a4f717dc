import type { Run } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { classes } from "../../ui/class-names.ts";
import { Elapsed } from "../../ui/relative-time.tsx";
import { type Stage, stagesOf } from "./stages.ts";

const bars: Readonly<Record<Stage["status"], string>> = {
  ahead: "bg-base-300",
  now: "bg-info animate-pulse",
  done: "bg-success",
  failed: "bg-error",
  skipped: "bg-base-300",
};

const words: Readonly<Record<Stage["status"], string>> = {
  ahead: "not yet",
  now: "now",
  done: "done",
  failed: "failed",
  skipped: "not needed",
};

/** Where a run stands between its creation and its end, and how long each stretch took. */
export function StageBar({ run }: { readonly run: Run }) {
  return (
    <ol aria-label="Stages" className="grid auto-cols-fr grid-flow-col gap-1.5" data-testid="stages">
      {stagesOf(run).map(({ name, status, from, to }) => (
        <li key={name} className="min-w-0" aria-current={status === "now" ? "step" : undefined}>
          <div
            className={classes(
              "h-1 rounded-full",
              name === "Confirm" && status === "now" ? "bg-warning" : bars[status],
            )}
          />
          <p className="mt-1.5 truncate font-medium text-xs">
            {status === "failed" && name === "Confirm" ? "Discarded" : name}
          </p>
          <p className="quiet truncate text-xs">
            {from === undefined ? words[status] : <Elapsed from={from} to={to} />}
            {status === "failed" && name !== "Confirm" && " · failed"}
          </p>
        </li>
      ))}
    </ol>
  );
}
