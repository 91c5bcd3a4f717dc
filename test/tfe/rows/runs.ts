import { storeSealed } from "../../../src/control/core/sealed-blobs.ts";
import { stateSubject } from "../../../src/control/states/states.ts";
import { newId } from "../../../src/lib/words/ids.ts";
import { state } from "../../support/store/rows.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { TfeRuns } from "../../support/tfe-runs.ts";
import { nameFor } from "./made.ts";
import type { TfeRequest, TfeRow } from "./row.ts";

const place = (tfe: TestTfe): Promise<TfeRuns> => TfeRuns.open(tfe, {}, nameFor("ws"));

/** What follows the prefix of a run's id. */
const rest = (id: string): string => id.slice("run-".length);

const queued = async (tfe: TestTfe): Promise<TfeRequest> => {
  const { id } = await (await place(tfe)).create();
  return { params: { run: id, plan: `plan-${rest(id)}`, apply: `apply-${rest(id)}` } };
};

const planned = async (tfe: TestTfe): Promise<TfeRequest> => ({ params: { run: await (await place(tfe)).planned() } });

const waiting = async (tfe: TestTfe): Promise<TfeRequest> => {
  const runs = await place(tfe);
  await runs.planned();
  return { params: { run: (await runs.create()).id } };
};

const commented = async (tfe: TestTfe): Promise<TfeRequest> => {
  const { params = {} } = await queued(tfe);
  const { run = "" } = params;
  const { document } = await tfe.call("POST", `/runs/${run}/comments`, resourceBody("comments", { body: "why?" }));
  const { id } = document.data;
  return { params: { run, comment: id, event: id.replace("wsc-", "re-") } };
};

const newRun = async (tfe: TestTfe): Promise<TfeRequest> => ({ body: (await place(tfe)).wish() });
const ofWorkspace = async (tfe: TestTfe): Promise<TfeRequest> => ({
  params: { workspace: (await place(tfe)).workspaceId },
});
const comment = async (tfe: TestTfe): Promise<TfeRequest> => ({
  ...(await queued(tfe)),
  body: resourceBody("comments", { body: "why?" }),
});

export const runRows: readonly TfeRow[] = [
  { pattern: "POST /runs", needs: "operate", status: 201, request: newRun },
  { pattern: "GET /runs/:run", needs: "read", status: 200, request: queued },
  { pattern: "GET /workspaces/:workspace/runs", needs: "read", status: 200, request: ofWorkspace },
  { pattern: "GET /organizations/:organization/runs", needs: "read", status: 200 },
  { pattern: "GET /organizations/:organization/runs/queue", needs: "read", status: 200 },
  { pattern: "GET /organizations/:organization/capacity", needs: "read", status: 200 },
  { pattern: "POST /runs/:run/actions/apply", needs: "operate", status: 202, request: planned },
  { pattern: "POST /runs/:run/actions/discard", needs: "operate", status: 202, request: planned },
  { pattern: "POST /runs/:run/actions/cancel", needs: "operate", status: 202, request: queued },
  { pattern: "POST /runs/:run/actions/force-cancel", needs: "operate", status: 202, request: queued },
  { pattern: "POST /runs/:run/actions/force-execute", needs: "own", status: 202, request: waiting },
  { pattern: "GET /runs/:run/run-events", needs: "read", status: 200, request: queued },
  { pattern: "GET /runs/:run/task-stages", needs: "read", status: 200, request: queued },
  { pattern: "GET /runs/:run/policy-checks", needs: "read", status: 200, request: queued },
  { pattern: "GET /run-events/:event", needs: "read", status: 200, request: commented },
  { pattern: "GET /runs/:run/comments", needs: "read", status: 200, request: commented },
  { pattern: "POST /runs/:run/comments", needs: "plan", status: 201, request: comment },
  { pattern: "GET /comments/:comment", needs: "read", status: 200, request: commented },
  { pattern: "GET /plans/:plan", needs: "read", status: 200, request: queued },
  { pattern: "GET /runs/:run/plan", needs: "read", status: 200, request: queued },
  { pattern: "GET /applies/:apply", needs: "read", status: 200, request: queued },
  { pattern: "GET /applies/:apply/errored-state", needs: "plan", status: 200, request: erroredState },
];

/** The state of an apply that is kept aside. */
async function erroredState(tfe: TestTfe): Promise<TfeRequest> {
  const { control } = tfe;
  const runs = await place(tfe);
  const id = await runs.planned();
  await tfe.call("POST", `/runs/${id}/actions/apply`, {});
  await runs.start(id, "apply");
  const job = await runs.job(id, "apply");
  const own = { id: newId("sv", control.random), runId: job.runId, jobId: job.id, status: "quarantined" } as const;
  const blobKey = await storeSealed(control, Buffer.from("{}"), stateSubject(own.id));
  const { organizationId, workspaceId } = job;
  await control.store.write((tx) =>
    tx.states.insert(state({ ...own, organizationId, workspaceId, blobKey, bytes: 2 })),
  );
  return { params: { apply: `apply-${rest(id)}` } };
}
