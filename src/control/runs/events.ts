import type { Principal } from "../../domain/people/principal.ts";
import type { Urgency } from "../../domain/runs/job.ts";
import { mayReprioritize, type Run, statusText } from "../../domain/runs/run.ts";
import { type TimelineEvent, tellUrgency } from "../../domain/runs/timeline.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { changeAbout } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { type Page, type PageRequest, pageByNumber } from "../core/pages.ts";
import { saveRunFacts } from "./advance.ts";
import { type RunView, viewRun } from "./view.ts";

/** What happened to a run, oldest first. */
export const listRunEvents = (
  control: Control,
  who: Principal,
  { id, page }: { readonly id: string; readonly page: PageRequest },
): Promise<Page<TimelineEvent>> =>
  control.store.read(async (q) => {
    const person = asPerson(who);
    demand(person, "read");
    const run = await findRun(q, person, id);
    return pageByNumber(
      page,
      (position) => q.runEvents.list(run.id, position),
      (event) => event.position,
    );
  });

/** Says something about a run. */
export async function commentRun(
  control: Control,
  who: Principal,
  { id, comment }: { readonly id: string; readonly comment: string },
): Promise<TimelineEvent> {
  const person = asPerson(who);
  demand(person, "plan");
  return changeAbout(control, id, async (tx, at) => {
    const run = await findRun(tx, person, id);
    const told = { actor: actorOf(person), title: "commented", comment };
    const { version: position } = await saveRunFacts(tx, at, { run, told });
    const { id: resource, organizationId } = run;
    await record(tx, person, { at: at.now, action: "run.comment", resource, organizationId });
    return { runId: run.id, position, at: at.now, status: null, ...told };
  });
}

/** Changes how urgent a waiting run is, and with it its queued job. High needs the permission to operate. */
export async function setRunUrgency(
  control: Control,
  who: Principal,
  { id, urgency }: { readonly id: string; readonly urgency: Urgency },
): Promise<RunView> {
  const person = asPerson(who);
  const run = await changeAbout(control, id, async (tx, at) => {
    const found = await findRun(tx, person, id);
    demand(person, found.options.isPlanOnly && urgency !== 0 ? "plan" : "operate");
    refuseRunning(found);
    if (found.urgency === urgency) return found;
    const told = tellUrgency(actorOf(person), urgency);
    const saved = await saveRunFacts(tx, at, { run: { ...found, urgency }, told });
    await hurryJob(tx, saved);
    at.touched.add(topics.jobs);
    const { id: resource, organizationId } = found;
    await record(tx, person, {
      at: at.now,
      action: "run.priority",
      resource,
      organizationId,
      detail: { urgency: String(urgency) },
    });
    return saved;
  });
  return control.store.read((q) => viewRun(control, q, run));
}

function refuseRunning({ id, status }: Run): void {
  if (mayReprioritize(status)) return;
  throw new WindlassError(
    "run_not_queued",
    `run ${id} is ${statusText(status)}: it no longer waits, and its priority changes nothing`,
    {
      metadata: { run_id: id, state: status },
    },
  );
}

async function hurryJob(tx: Queries, { id, urgency }: Run): Promise<void> {
  for (const job of await tx.jobs.ofRun(id)) {
    if (job.status === "queued") await tx.jobs.saveIf({ ...job, urgency }, { epoch: job.epoch, status: "queued" });
  }
}
