import type { Organization } from "../../../src/domain/people/organization.ts";
import type { RunStatus } from "../../../src/domain/runs/run.ts";
import { toPartId, toTfeId } from "../../../src/tfe/core/ids.ts";
import { runRow } from "../../support/rows.ts";
import { resourceBody, type TestTfe } from "../../support/tfe.ts";
import { madeBy } from "./calls.ts";
import { byId, makeWorkspace } from "./made.ts";
import type { TfeRow } from "./row.ts";

type Request = NonNullable<TfeRow["request"]>;

const wished = resourceBody("configuration-versions", { "auto-queue-runs": false });

const ofWorkspace =
  (body?: unknown): Request =>
  async (tfe, organization) => ({ ...byId(await makeWorkspace(tfe, organization)), body });

const aboutConfiguration: Request = async (tfe, organization) => {
  const { workspace } = byId(await makeWorkspace(tfe, organization)).params;
  return { params: { configuration: await madeBy(tfe, `/workspaces/${workspace}/configuration-versions`, wished) } };
};

/** A run that has ended: nothing can be decided about it any more. */
async function makeRun(tfe: TestTfe, organization: Organization, status: RunStatus = "errored") {
  const run = runRow(await makeWorkspace(tfe, organization), { status });
  await tfe.control.store.write((tx) => tx.runs.insert(run));
  return run;
}

const aboutRun =
  (body?: unknown, status?: RunStatus): Request =>
  async (tfe, organization) => ({ params: { run: toTfeId((await makeRun(tfe, organization, status)).id) }, body });

const aboutPart =
  (part: "plan" | "apply", status?: RunStatus): Request =>
  async (tfe, organization) => ({ params: { [part]: toPartId(part, (await makeRun(tfe, organization, status)).id) } });

const said = { data: { type: "comments", attributes: { body: "well done" } } };

const aboutComment: Request = async (tfe, organization) => {
  const run = toTfeId((await makeRun(tfe, organization)).id);
  return { params: { comment: await madeBy(tfe, `/runs/${run}/comments`, said) } };
};

const aboutEvent: Request = async (tfe, organization) => {
  const run = toTfeId((await makeRun(tfe, organization)).id);
  await madeBy(tfe, `/runs/${run}/comments`, said);
  const { document } = await tfe.call("GET", `/runs/${run}/run-events`, undefined, { token: tfe.keys.site_admin });
  return { params: { event: document.data[0].id } };
};

const wanted: Request = async (tfe, organization) => {
  const data = { type: "workspaces", id: toTfeId((await makeWorkspace(tfe, organization)).id) };
  return { body: resourceBody("runs", { message: "x" }, { workspace: { data } }) };
};

export const runRows: readonly TfeRow[] = [
  {
    ...{ pattern: "POST /workspaces/:workspace/configuration-versions", needs: "plan", status: 201 },
    request: ofWorkspace(wished),
  },
  { pattern: "GET /workspaces/:workspace/configuration-versions", needs: "read", status: 200, request: ofWorkspace() },
  { pattern: "GET /configuration-versions/:configuration", needs: "read", status: 200, request: aboutConfiguration },
  // Its archive has not come.
  {
    ...{ pattern: "GET /configuration-versions/:configuration/download", needs: "read", status: 404 },
    request: aboutConfiguration,
  },
  {
    ...{ pattern: "POST /configuration-versions/:configuration/actions/archive", needs: "operate", status: 422 },
    request: aboutConfiguration,
  },
  // There is no configuration to run.
  { pattern: "POST /runs", needs: "operate", status: 422, request: wanted },
  { pattern: "GET /runs/:run", needs: "read", status: 200, request: aboutRun() },
  { pattern: "GET /workspaces/:workspace/runs", needs: "read", status: 200, request: ofWorkspace() },
  { pattern: "GET /organizations/:organization/runs", needs: "read", status: 200 },
  { pattern: "GET /organizations/:organization/runs/queue", needs: "read", status: 200 },
  { pattern: "GET /organizations/:organization/capacity", needs: "read", status: 200 },
  ...["apply", "discard", "cancel", "force-cancel"].map(
    (action): TfeRow => ({
      ...{ pattern: `POST /runs/:run/actions/${action}`, needs: "operate", status: 409 },
      request: aboutRun({}),
    }),
  ),
  { pattern: "POST /runs/:run/actions/force-execute", needs: "own", status: 409, request: aboutRun({}) },
  { pattern: "GET /runs/:run/run-events", needs: "read", status: 200, request: aboutRun() },
  { pattern: "GET /run-events/:event", needs: "read", status: 200, request: aboutEvent },
  { pattern: "GET /runs/:run/comments", needs: "read", status: 200, request: aboutRun() },
  { pattern: "POST /runs/:run/comments", needs: "plan", status: 201, request: aboutRun(said) },
  { pattern: "GET /comments/:comment", needs: "read", status: 200, request: aboutComment },
  { pattern: "GET /plans/:plan", needs: "read", status: 200, request: aboutPart("plan") },
  { pattern: "GET /runs/:run/plan", needs: "read", status: 200, request: aboutRun() },
  { pattern: "GET /applies/:apply", needs: "read", status: 200, request: aboutPart("apply") },
  { pattern: "GET /plans/:plan/json-output", needs: "plan", status: 204, request: aboutPart("plan", "planning") },
  {
    pattern: "GET /plans/:plan/json-output-redacted",
    needs: "read",
    status: 204,
    request: aboutPart("plan", "planning"),
  },
  { pattern: "GET /runs/:run/plan/json-output", needs: "plan", status: 204, request: aboutRun({}, "planning") },
];
