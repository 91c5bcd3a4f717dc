import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { record } from "../../src/control/core/audit.ts";
import { storeSealed } from "../../src/control/core/sealed-blobs.ts";
import { revokeApiKey } from "../../src/control/people/api-key-ends.ts";
import { logStreamOf } from "../../src/control/runs/logs.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { agentRow, jobRow, runRow, startedBy, stateRow } from "../support/rows.ts";
import * as rows from "../support/store/rows.ts";
import { openTestWeb, type TestWeb } from "../support/web.ts";

const stateText = '{"version":4,"secret":"of the state"}';
const logText = "\u001b[1mplanning\u001b[0m\n<script>alert(1)</script>\n";

let web: TestWeb;
let place: { readonly run: string; readonly state: string; readonly plan: Job };
const cookies: Record<string, string> = {};
beforeAll(async () => {
  web = await openTestWeb();
  const { control, organization } = web;
  const workspace = rows.workspace({
    organizationId: organization.id,
    id: newId("ws", control.random),
    name: "net; x",
  });
  const run = runRow(workspace, { status: "planned" });
  const stateId = newId("sv", control.random);
  const blobKey = await storeSealed(control, Buffer.from(stateText), `state/${stateId}`);
  const plan = jobRow(run, { ...startedBy(agentRow(null)), status: "finished", agentId: null });
  await control.store.write(async (tx) => {
    await tx.workspaces.insert(workspace);
    await tx.runs.insert(run);
    await tx.jobs.insert(plan);
    await tx.states.insert(stateRow(workspace, { id: stateId, blobKey, serial: 7, bytes: stateText.length }));
  });
  await control.logs.append(logStreamOf(plan), 0, Buffer.from(logText));
  await control.logs.seal(
    logStreamOf(plan),
    Buffer.byteLength(logText),
    createHash("sha256").update(logText).digest("hex"),
  );
  place = { run: run.id, state: stateId, plan };
  for (const role of ["owner", "planner", "reader"] as const)
    cookies[role] = await web.signIn((await web.key(role)).secret);
  cookies.sibling = await web.signIn((await web.key("owner", web.sibling.id)).secret);
});
afterAll(() => web[Symbol.asyncDispose]());

const get = (path: string, who: string, headers: Readonly<Record<string, string>> = {}) =>
  web.send(`/download/${path}`, {
    headers: { cookie: cookies[who] ?? "", "sec-fetch-site": "same-origin", ...headers },
  });
const codeOf = async (path: string, who: string) => {
  const { status, text } = await get(path, who);
  return status === 200 ? "ok" : JSON.parse(text).code;
};

test("a log is saved as it came, and never shown", async () => {
  const answer = await get(`runs/${place.run}/plan.log`, "reader");
  expect(answer).toMatchObject({ status: 200, text: logText });
  expect(answer.headers).toMatchObject({
    "content-type": "text/plain; charset=utf-8",
    "content-disposition": `attachment; filename="${place.run}-plan.log"`,
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  });
  const none = await get(`runs/${place.run}/apply.log`, "reader");
  expect([none.status, none.text]).toEqual([200, ""]);
  const head = await web.send(`/download/runs/${place.run}/plan.log`, {
    ...{ method: "HEAD", headers: { cookie: cookies.reader ?? "" } },
  });
  expect([head.status, head.text]).toEqual([200, ""]);
});

test("what is missing at the end of a log is said there", async () => {
  const { control } = web;
  await control.logs.empty(logStreamOf(place.plan));
  const answer = await get(`runs/${place.run}/plan.log`, "reader");
  expect([answer.status, answer.text]).toEqual([
    200,
    expect.stringMatching(/^\n\[.*the end of the log is missing.*\]\n$/),
  ]);
});

test("a state needs the role for it, and has a name that does nothing", async () => {
  const answer = await get(`states/${place.state}`, "planner");
  expect(answer).toMatchObject({ status: 200, text: stateText });
  expect(answer.headers).toMatchObject({
    ...{ "content-type": "application/octet-stream", "x-content-type-options": "nosniff" },
    "content-disposition": 'attachment; filename="net__x-7.tfstate"',
  });
  expect(await codeOf(`states/${place.state}`, "reader")).toBe("permission_denied");
});

describe("who may not have it gets nothing", () => {
  test.each(["runs/RUN/plan.log", "states/STATE"])("%s", async (path) => {
    const real = path.replace("RUN", place.run).replace("STATE", place.state);
    expect(await codeOf(real, "sibling")).toBe("not_found");
    expect(await codeOf(real, "nobody")).toBe("unauthenticated");
    const foreign = await get(real, "owner", { "sec-fetch-site": "cross-site" });
    expect([foreign.status, foreign.headers["content-disposition"]]).toEqual([403, undefined]);
    expect((await get(real, "owner", { origin: "https://evil.example" })).status).toBe(403);
    const posted = await web.post(`/download/${real}`, {}, { cookie: cookies.owner ?? "" });
    expect(posted.status).toBe(404);
  });

  test.each([
    ...["", "runs", "runs/x/plan.log", "runs/RUN/other.log", "states/x", "states/../audit.csv", "configurations/x"],
    ...["runs/%2e%2e/plan.log", "audit.csv/x", "states/sv_00000000000000000000000000"],
  ])("%s is nothing", async (path) => {
    expect(await codeOf(path.replace("RUN", place.run), "owner")).toBe("not_found");
  });
});

test("a key that is shown does, too", async () => {
  const { id, secret } = await web.key("planner");
  const download = () =>
    web.send(`/download/states/${place.state}`, { headers: { authorization: `Bearer ${secret}` } });
  expect((await download()).text).toBe(stateText);
  await revokeApiKey(web.control, web.admin, id);
  expect((await download()).status).toBe(401);
});

describe("the audit log", () => {
  test("is CSV that no spreadsheet takes for formulas", async () => {
    const { control, organization, clock } = web;
    const of = { organizationId: organization.id, at: clock.now() };
    await control.store.write(async (tx) => {
      const entry = { action: "csv.test", resource: '=HYPERLINK("x")', detail: { name: 'a "b",\nc', "@x": "1" } };
      await record(tx, "system", { ...of, ...entry, address: "-1" });
    });
    const { status, headers, text } = await get("audit.csv?action=csv.&organization=acme", "owner");
    expect([status, headers["content-type"]]).toEqual([200, "text/csv; charset=utf-8; header=present"]);
    expect(headers["content-disposition"]).toBe('attachment; filename="audit.csv"');
    expect(text.split("\r\n")).toEqual([
      "time,actor,action,resource,organization,address,detail",
      `${of.at.toISOString()},system,csv.test,"'=HYPERLINK(""x"")",acme,'-1,"{""name"":""a \\""b\\"",\\nc"",""@x"":""1""}"`,
      "",
    ]);
  });

  test("is for those who may read it, of their organization, of a time", async () => {
    expect(await codeOf("audit.csv", "planner")).toBe("permission_denied");
    expect(await codeOf("audit.csv?organization=rival", "owner")).toBe("not_found");
    expect(await codeOf("audit.csv?since=yesterday", "owner")).toBe("invalid_argument");
    const later = new Date(web.clock.now().getTime() + 1).toISOString();
    expect((await get(`audit.csv?since=${later}`, "owner")).text.split("\r\n")).toHaveLength(2);
    const before = (await get(`audit.csv?until=${later}&action=session.`, "owner")).text.split("\r\n");
    expect(before.length).toBeGreaterThan(3);
    expect(before.slice(1, -1).every((line) => line.includes(",session.sign_in,"))).toBe(true);
  });
});
