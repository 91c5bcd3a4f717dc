import * as z from "zod";
import { notFound } from "../../control/core/access.ts";
import { commentRun } from "../../control/runs/events.ts";
import { getRunEvent, getToldRun, listNumberedEvents } from "../../control/runs/told-runs.ts";
import type { TimelineEvent } from "../../domain/runs/timeline.ts";
import { created, found, listed, type Resource, type TfeAnswer } from "../core/answers.ts";
import { noRelationships, readResource } from "../core/body.ts";
import { idParam, param, route, type TfeCall } from "../core/call.ts";
import { includesOf, offsetOf, pageOf } from "../core/pages.ts";
import { isRemark, placeOf, toCommentResource, toEventResource } from "../mapping/run-event.ts";
import { usersOf } from "./users.ts";

const known = ["actor", "comment"] as const;

function includedOf(events: readonly TimelineEvent[], wanted: ReadonlySet<(typeof known)[number]>) {
  if (wanted.size === 0) return undefined;
  const actors = wanted.has("actor") ? usersOf(events.map(({ actor }) => actor)) : [];
  const comments = wanted.has("comment") ? events.filter(isRemark).map(toCommentResource) : [];
  return [...actors, ...comments];
}

const listEvents = (call: TfeCall): Promise<TfeAnswer> => listOf(call, false, toEventResource);
const listComments = (call: TfeCall): Promise<TfeAnswer> => listOf(call, true, toCommentResource);

async function listOf(
  call: TfeCall,
  isComment: boolean,
  toResource: (event: TimelineEvent) => Resource,
): Promise<TfeAnswer> {
  const wanted = includesOf(call, known);
  const page = pageOf(call);
  const rows = { offset: offsetOf(page), limit: page.size };
  const asked = { id: idParam(call, "run", "run"), rows, isComment };
  const { rows: events, total } = await listNumberedEvents(call.control, call.who, asked);
  return listed(events.map(toResource), { ...page, total }, { included: includedOf(events, wanted) });
}

async function eventAt({ control, who }: TfeCall, prefix: "re" | "wsc", text: string): Promise<TimelineEvent> {
  const place = placeOf(prefix, text);
  if (place === undefined) throw notFound(prefix === "re" ? "run event" : "comment", text.slice(0, 80));
  return getRunEvent(control, who, place);
}

async function readEvent(call: TfeCall): Promise<TfeAnswer> {
  const wanted = includesOf(call, known);
  const event = await eventAt(call, "re", param(call, "event"));
  return found(toEventResource(event), { included: includedOf([event], wanted) });
}

async function readComment(call: TfeCall): Promise<TfeAnswer> {
  const id = param(call, "comment");
  const event = await eventAt(call, "wsc", id);
  if (!isRemark(event)) throw notFound("comment", id);
  return found(toCommentResource(event));
}

const shape = {
  types: ["comments"],
  attributes: z.object({ body: z.string().trim().min(1).max(4_096) }),
  relationships: noRelationships,
};

async function comment(call: TfeCall): Promise<TfeAnswer> {
  const id = idParam(call, "run", "run");
  const { attributes } = await readResource(call, shape);
  return created(toCommentResource(await commentRun(call.control, call.who, { id, comment: attributes.body })));
}

/** What has no place between the phases of a run here: clients that wait for a run ask for it. Whoever sees the run is told so. */
async function listNone(call: TfeCall): Promise<TfeAnswer> {
  await getToldRun(call.control, call.who, idParam(call, "run", "run"));
  return listed([], { ...pageOf(call), total: 0 });
}

export const runEventRoutes = [
  route("GET /runs/:run/run-events", listEvents),
  route("GET /run-events/:event", readEvent),
  route("GET /runs/:run/comments", listComments),
  route("POST /runs/:run/comments", comment),
  route("GET /comments/:comment", readComment),
  route("GET /runs/:run/task-stages", listNone),
  route("GET /runs/:run/policy-checks", listNone),
];
