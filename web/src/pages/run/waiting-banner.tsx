import { Link } from "wouter";
import { type Run, WaitingReason } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { usePath } from "../../app/organization.ts";
import { shortId } from "../../ui/format.ts";
import { WaitIcon } from "../../ui/icons.tsx";
import { Elapsed } from "../../ui/relative-time.tsx";
import { waitingWords } from "../../words/waiting.ts";
import { WaitingPlace } from "./waiting-place.tsx";

/** Why a run does not move, since when, and what ends it. */
export function WaitingBanner({ run }: { readonly run: Run }) {
  const { waiting } = run;
  const path = usePath();
  if (waiting === undefined) return null;
  const { text, end } = waitingWords(waiting);
  return (
    <section
      aria-label="Why it waits"
      className="flex gap-3 rounded-box border border-warning/40 bg-warning/8 px-4 py-3"
      data-testid="waiting"
    >
      <span className="mt-0.5 text-warning">
        <WaitIcon />
      </span>
      <div className="min-w-0 space-y-0.5">
        <p>
          <span className="font-medium">{text}</span>
          <span className="quiet">
            {" "}
            for <Elapsed from={waiting.sinceTime} to={undefined} /> so far
            {waiting.queuePosition > 0 && `, number ${waiting.queuePosition} in the queue`}
          </span>
        </p>
        {waiting.detail !== "" && waiting.reason !== WaitingReason.CONFIRMATION && (
          <p className="break-words text-sm">{waiting.detail}</p>
        )}
        <p className="quiet text-sm">
          {end}{" "}
          {waiting.blockingRunId !== "" && (
            <Link href={path("runs", waiting.blockingRunId)} className="font-mono text-xs underline">
              {shortId(waiting.blockingRunId)}
            </Link>
          )}
          <WaitingPlace run={run} reason={waiting.reason} />
        </p>
      </div>
    </section>
  );
}
