import type { Principal } from "../../domain/people/principal.ts";
import { type ChangeCounts, type Run, statusText } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import type { Control } from "../core/control.ts";
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
  const run = await control.store.read((q) => findRun(q, person, id));
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

/** Names a summary in a token. */
const documentOf = (key: string): string => key.replaceAll("/", "-");

const otherPlan = ({ id }: Run): WindlassError =>
  invalid("page_token", `run ${id} has another plan by now: begin with its first page`);

function noPlan({ id, status }: Run): WindlassError {
  return new WindlassError("not_found", `run ${id} is ${statusText(status)} and has no finished plan to show`, {
    metadata: { resource: "plan", name: id },
  });
}
