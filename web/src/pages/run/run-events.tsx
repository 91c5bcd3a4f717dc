import { useQuery } from "@connectrpc/connect-query";
import { type SubmitEvent, useState } from "react";
import { type Run, RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Field } from "../../ui/field.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge, type Tone } from "../../ui/status-badge.tsx";
import { callerName } from "../../words/caller.ts";
import { runStateWords } from "../../words/run-states.ts";
import { useRunCalls } from "./run-calls.ts";

/** What happened to a run and what was said about it. */
export function RunEvents({ run }: { readonly run: Run }) {
  const { data, error, refetch } = useQuery(RunService.method.listRunEvents, { runId: run.id, pageSize: 1000 });
  return (
    <section aria-label="Timeline" className="space-y-4">
      {error !== null && <ErrorNote error={error} what="The timeline could not be read" retry={() => void refetch()} />}
      <ol className="panel divide-y divide-base-300" data-testid="run-events">
        {data?.events.map((event, index) => {
          const tone: Tone = event.state === RunState.UNSPECIFIED ? "quiet" : runStateWords(event.state).tone;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: events are only ever added at the end
            <li key={index} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2.5 text-sm">
              <span className="w-24 shrink-0 text-xs">
                <RelativeTime time={event.time} />
              </span>
              <StatusBadge tone={tone} text={event.title} />
              <span className="quiet text-xs" title={event.actor}>
                {event.actor === "" ? "server" : callerName(event.actor)}
              </span>
              {event.comment !== "" && (
                <p className="w-full whitespace-pre-wrap break-words border-base-300 border-l-2 pl-3 sm:ml-28">
                  {event.comment}
                </p>
              )}
            </li>
          );
        })}
      </ol>
      <CommentForm run={run} />
    </section>
  );
}

function CommentForm({ run }: { readonly run: Run }) {
  const calls = useRunCalls();
  const [comment, setComment] = useState("");
  const [emptyHint, setEmptyHint] = useState<string>();
  const [failure, setFailure] = useState<unknown>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (comment.trim() === "") return setEmptyHint("Write something first.");
    setFailure(undefined);
    try {
      await calls.comment(run.id, comment);
      setComment("");
    } catch (error) {
      setFailure(error);
    }
  };
  const changeComment = (text: string) => {
    setComment(text);
    setEmptyHint(undefined);
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="space-y-2">
      <Field
        label="Say something about this run"
        rows={2}
        value={comment}
        onChange={changeComment}
        error={emptyHint}
        testId="comment"
      />
      {failure !== undefined && <ErrorNote error={failure} what="The comment was not recorded" />}
      <button type="submit" className="btn btn-sm" data-testid="comment-send">
        Comment
      </button>
    </form>
  );
}
