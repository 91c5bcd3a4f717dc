import type { Person, Principal } from "../../domain/people/principal.ts";
import { newestOf } from "../../domain/runs/job.ts";
import { isTooLate, lacksSummary, owesSummary } from "../../domain/runs/late-summary.ts";
import { type ChangeCounts, type Run, statusText } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { type Control, topics } from "../core/control.ts";
import { type Page, type PageRequest, pageOfExcerpt, pageSize, placeInExcerpt } from "../core/pages.ts";
import { invalid } from "../core/refusals.ts";
import { loadSealed } from "../core/sealed-blobs.ts";
import { maxSummaryBytes } from "../documents/limits.ts";
import type { PlanContents, SummaryChange } from "../documents/plan-summary.ts";

/** What a plan would change, without any secret. */
export interface RunPlan extends Omit<PlanContents, "changes"> {
  readonly counts: ChangeCounts;
  /** Its changes, then its drift, then its outputs. */
  readonly changes: Page<SummaryChange>;
}

/** What the plan of a run would change, as its agent has masked it. */
export async function getRunPlan(
  control: Control,
  who: Principal,
  { id, page }: { readonly id: string; readonly page: PageRequest },
): Promise<RunPlan> {
  const person = asPerson(who);
  demand(person, "read");
  const run = await runWithSummary(control, person, id);
  const { plannedChanges: counts, summaryBlobKey: key } = run;
  if (counts === null || key === null) throw noPlan(run);
  const from = placeInExcerpt(page.token);
  const document = documentOf(key);
  if (from !== undefined && from.document !== document) throw otherPlan(run);
  const subject = `plan-summary/${run.id}`;
  const { changes, ...contents } = await control.documents.ask(
    { kind: "plan", id: run.id, after: from?.place ?? null, limit: pageSize(page.size) },
    {
      of: run.organizationId,
      key,
      load: async () => [await loadSealed(control, { key, subject, maxBytes: maxSummaryBytes })],
    },
  );
  return { ...contents, counts, changes: pageOfExcerpt(document, changes) };
}

/** How long a reader waits for a summary that follows its plan, and until when after the plan. */
const waitMs = 25_000;
const soonMs = 60_000;

/** The run, if need be once the summary is here that follows its plan: it takes as long as `show` does. */
export async function runWithSummary(control: Control, person: Person, id: string): Promise<Run> {
  const { store, wake, clock } = control;
  const endMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const seen = wake.version(topics.run(id));
    const { run, isComing } = await store.read(async (q) => {
      const found = await findRun(q, person, id);
      return { run: found, isComing: lacksSummary(found) && (await isSummaryComing(q, found, clock.now())) };
    });
    const timeoutMs = endMs - clock.monotonicMs();
    if (!isComing || timeoutMs <= 0) return run;
    await wake.changedSince(topics.run(run.id), seen, { timeoutMs: Math.min(timeoutMs, pollMs) });
  }
}

/** The floor under the wake-ups: another process may have stored it. */
const pollMs = 1_000;

async function isSummaryComing(q: Queries, run: Run, now: Date): Promise<boolean> {
  const plan = newestOf(await q.jobs.ofRun(run.id), "plan");
  return plan !== undefined && owesSummary(plan, run) && !isTooLate(plan, now, soonMs);
}

/** Names a summary in a token. */
const documentOf = (key: string): string => key.replaceAll("/", "-");

const otherPlan = ({ id }: Run): WindlassError =>
  invalid("page_token", `run ${id} has another plan by now: begin with its first page`);

function noPlan(run: Run): WindlassError {
  const { id, status } = run;
  const why = lacksSummary(run) ? "its agent has not brought the summary of its plan" : "has no finished plan to show";
  return new WindlassError("not_found", `run ${id} is ${statusText(status)} and ${why}`, {
    metadata: { resource: "plan", name: id },
  });
}
