import { keyOfActor } from "../../control/core/audit.ts";
import type { TimelineEvent } from "../../domain/runs/timeline.ts";
import type { RunId } from "../../lib/words/ids.ts";
import type { Resource } from "../core/answers.ts";
import { toPartId, toTfeId, toTime, wholeOf } from "../core/ids.ts";

type Place = Pick<TimelineEvent, "runId" | "position">;

/** An event's id: that of its run, and its place there. */
export const toEventId = ({ runId, position }: Place): string => `${toPartId("re", runId)}-${position}`;
/** The id of what was said in an event. */
export const toCommentId = ({ runId, position }: Place): string => `${toPartId("wsc", runId)}-${position}`;

/** The event whose id this is; undefined for anything else. */
export function placeOf(
  prefix: "re" | "wsc",
  text: string,
): { readonly id: RunId; readonly position: number } | undefined {
  const [, part = "", at = ""] = /^(\w+-\w+)-([1-9][0-9]{0,8})$/.exec(text) ?? [];
  const id = wholeOf(prefix, "run", part);
  return id === undefined ? undefined : { id, position: Number(at) };
}

/** True for what a person has said; the message that a run was created with is its own. */
export const isRemark = ({ comment, actor, position }: TimelineEvent): boolean =>
  comment !== "" && position > 1 && keyOfActor(actor) !== undefined;

/** Something that happened to a run, as clients know it. */
export function toEventResource(event: TimelineEvent): Resource {
  const actor = keyOfActor(event.actor);
  return {
    type: "run-events",
    id: toEventId(event),
    attributes: {
      action: actionOf(event),
      "created-at": toTime(event.at),
      description: event.title,
    },
    relationships: {
      run: { data: { type: "runs", id: toTfeId(event.runId) } },
      actor: { data: actor === undefined ? null : { type: "users", id: toTfeId(actor) } },
      comment: { data: isRemark(event) ? { type: "comments", id: toCommentId(event) } : null },
    },
  };
}

/** One word for what happened: what the run came into, else what somebody did. */
function actionOf({ status, position, title }: TimelineEvent): string {
  if (position === 1) return "created";
  if (title === "commented") return "commented";
  return status ?? "updated";
}

/** What a person has said. */
export const toCommentResource = (event: TimelineEvent): Resource => ({
  type: "comments",
  id: toCommentId(event),
  attributes: { body: event.comment },
  relationships: {
    "run-event": { data: { type: "run-events", id: toEventId(event) } },
  },
});
