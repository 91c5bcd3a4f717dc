import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sweepOnce } from "../../src/control/runs/sweeper.ts";
import { fromTfeId } from "../../src/tfe/core/ids.ts";
import { openTestTfe, type TestTfe } from "../support/tfe.ts";
import { TfeRuns } from "../support/tfe-runs.ts";

let tfe: TestTfe;
let runs: TfeRuns;
beforeEach(async () => {
  tfe = await openTestTfe();
  runs = await TfeRuns.open(tfe);
});
afterEach(() => tfe[Symbol.asyncDispose]());

const statusOf = async (id: string): Promise<string> => (await runs.read(id)).attributes.status;
const act = (id: string, action: string, token?: string, body: object = {}) =>
  tfe.call("POST", `/runs/${id}/actions/${action}`, body, { token });

describe("a new run", () => {
  test("says what was asked of it, and is read and listed as it was created", async () => {
    const asked = {
      message: "resize",
      refresh: false,
      "target-addrs": ["null_resource.a"],
      "replace-addrs": ["null_resource.b"],
      "allow-empty-apply": true,
      "auto-apply": true,
      "allow-config-generation": true,
      "debugging-mode": true,
      "is-destroy": true,
      variables: [
        { key: "hello", value: "Hello, World!" },
        { key: "sizes", value: "[1, 2]" },
      ],
    };
    const made = await runs.create(asked);
    expect(made.attributes).toMatchObject(asked);
    expect(made.attributes).toMatchObject({ status: "plan_queued", source: "tfe-api", "plan-only": false });
    expect(Object.keys(made.attributes["status-timestamps"])).toEqual(["plan-queueable-at", "plan-queued-at"]);
    expect(made.relationships["run-events"].data.length).toBeGreaterThan(0);
    expect(Object.keys(made.relationships)).not.toContain("cost-estimate");
    expect(await runs.read(made.id)).toEqual(made);
    const { document } = await tfe.call("GET", `/workspaces/${runs.workspaceId}/runs`);
    expect(document.data).toEqual([made]);
    expect(document.meta.pagination).toMatchObject({ "current-page": 1, "total-count": 1, "total-pages": 1 });
    const job = await runs.job(made.id, "plan");
    const run = await tfe.control.store.read((q) => q.runs.get(job.runId));
    expect(run?.options.variables.map(({ isHcl }) => isHcl)).toEqual([false, true]);
  });

  test("has defaults", async () => {
    const { attributes } = await runs.create();
    expect(attributes).toMatchObject({
      ...{ refresh: true, "auto-apply": false, "save-plan": false, "plan-only": false, variables: null },
      ...{ "trigger-reason": "manual", "terraform-version": "", "canceled-at": null },
    });
  });

  test("is applied by itself where its workspace says so", async () => {
    const eager = await TfeRuns.open(tfe, { isAutoApply: true }, "eager");
    expect((await eager.create()).attributes["auto-apply"]).toBe(true);
    expect((await eager.create({ "auto-apply": false })).attributes["auto-apply"]).toBe(false);
  });

  test("only plans if its configuration is speculative, also for somebody who may only plan", async () => {
    const speculative = await runs.configuration({ isSpeculative: true });
    const { attributes } = await runs.create({}, speculative, tfe.keys.planner);
    expect(attributes).toMatchObject({ "plan-only": true, status: "plan_queued" });
    expect((await tfe.call("POST", "/runs", runs.wish(), { token: tfe.keys.planner })).status).toBe(404);
  });

  test("comes from the terraform program if that says so", async () => {
    const headers = { "terraform-version": "1.11.4", "x-terraform-integration": "cloud" };
    const { document } = await tfe.call("POST", "/runs", runs.wish(), { headers });
    expect(document.data.attributes.source).toBe("terraform+cloud");
  });

  test("that failed in its apply is applying to the terraform program until it has looked at the apply, for a while", async () => {
    const headers = { "terraform-version": "1.11.4" };
    const statusOf = async (id: string, how = {}) =>
      (await tfe.call("GET", `/runs/${id}`, undefined, how)).document.data.attributes.status;
    const failed = async () => {
      const id = await runs.planned({ "auto-apply": true });
      await runs.start(id, "apply");
      await runs.fail(id, "apply");
      return id;
    };
    const id = await failed();
    expect([await statusOf(id, { headers }), await statusOf(id)]).toEqual(["applying", "errored"]);
    const apply = `/applies/apply-${id.slice("run-".length)}`;
    expect((await tfe.call("GET", apply, undefined, { headers })).document.data.attributes.status).toBe("errored");
    expect(await statusOf(id, { headers })).toBe("errored");
    const other = await failed();
    await tfe.clock.advance(31_000);
    expect(await statusOf(other, { headers })).toBe("errored");
  });

  test("may have another version of terraform only if it only plans", async () => {
    const asked = { "terraform-version": "1.0.0" };
    const refused = await tfe.call("POST", "/runs", runs.wish(asked));
    expect(refused).toMatchObject({
      status: 422,
      document: { errors: [{ source: { pointer: "/data/attributes/terraform-version" } }] },
    });
    const { attributes } = await runs.create({ ...asked, "plan-only": true });
    expect(attributes).toMatchObject({ "terraform-version": "1.0.0", "plan-only": true });
  });

  test("destroys nothing where its workspace does not allow it", async () => {
    const careful = await TfeRuns.open(tfe, { allowsDestroy: false }, "careful");
    for (const more of [{}, { "plan-only": true }])
      expect((await tfe.call("POST", "/runs", careful.wish({ "is-destroy": true, ...more }))).status).toBe(422);
    await careful.create();
  });

  test("is refused without a workspace, in a foreign one, and for what is no document", async () => {
    expect((await tfe.call("POST", "/runs", { data: { type: "runs" } })).status).toBe(422);
    expect((await tfe.call("POST", "/runs", "{")).status).toBe(422);
    expect((await tfe.call("POST", "/runs", runs.wish(), { token: null })).status).toBe(401);
    expect((await tfe.call("POST", "/runs", runs.wish(), { token: tfe.keys.siblingOwner })).status).toBe(404);
    expect((await tfe.call("POST", "/runs", runs.wish({ variables: "x" }))).status).toBe(422);
    expect((await tfe.call("POST", "/runs", runs.wish({}, "cv-nonexisting"))).status).toBe(404);
  });
});

describe("what people decide", () => {
  test("a planned run is applied, and says who has let it and what was said", async () => {
    const id = await runs.planned();
    expect(await runs.read(id)).toMatchObject({
      attributes: { status: "planned", actions: { "is-confirmable": true, "is-discardable": true } },
      relationships: { "confirmed-by": { data: null } },
    });
    expect((await act(id, "apply", undefined, { comment: "Hello, Earl" })).status).toBe(202);
    const { attributes, relationships } = await runs.read(id);
    expect(attributes.status).toBe("apply_queued");
    expect(Object.keys(attributes["status-timestamps"])).toEqual(
      expect.arrayContaining(["planned-at", "confirmed-at", "apply-queued-at"]),
    );
    expect(relationships["confirmed-by"].data).toEqual(relationships["created-by"].data);
    const [comment] = relationships.comments.data;
    expect((await tfe.call("GET", `/comments/${comment.id}`)).document.data.attributes.body).toBe("Hello, Earl");
    expect((await act(id, "apply")).status).toBe(409);
    await runs.start(id, "apply");
    await runs.finish(id, "apply");
    expect(await statusOf(id)).toBe("applied");
    expect(await runs.read(id)).toEqual(await runs.read(id));
  });

  test("a planned run is discarded", async () => {
    const id = await runs.planned();
    expect((await act(id, "discard", tfe.keys.planner)).status).toBe(404);
    expect((await act(id, "discard")).status).toBe(202);
    expect(await statusOf(id)).toBe("discarded");
    expect((await act(id, "discard")).status).toBe(409);
  });

  test("a pending run is canceled, and says when force would have been allowed", async () => {
    await runs.create();
    const { id, attributes } = await runs.create();
    expect(attributes).toMatchObject({
      ...{ status: "pending", "position-in-queue": 1, "canceled-at": null, "force-cancel-available-at": null },
      actions: { "is-cancelable": true, "is-force-cancelable": false },
      permissions: { "can-force-cancel": true },
    });
    expect((await act(id, "cancel")).status).toBe(202);
    const canceled = (await runs.read(id)).attributes;
    expect(canceled.status).toBe("canceled");
    expect(canceled["canceled-at"]).toBe(tfe.clock.now().toISOString());
    expect(new Date(canceled["force-cancel-available-at"]).getTime()).toBeGreaterThan(tfe.clock.now().getTime());
    expect((await act(id, "cancel")).status).toBe(409);
  });

  test("force comes after a cancel that had its time", async () => {
    const { id } = await runs.create();
    await runs.start(id, "plan");
    expect((await act(id, "force-cancel")).status).toBe(409);
    expect((await act(id, "cancel")).status).toBe(202);
    expect((await act(id, "force-cancel")).status).toBe(409);
    await tfe.clock.advance(30_000);
    expect((await runs.read(id)).attributes.actions["is-force-cancelable"]).toBe(true);
    expect((await act(id, "force-cancel")).status).toBe(202);
  });

  test("a waiting run is put before all others by an owner", async () => {
    const planned = await runs.planned();
    const between = (await runs.create()).id;
    const { id, attributes } = await runs.create();
    expect(attributes.permissions["can-force-execute"]).toBe(false);
    expect((await act(id, "force-execute")).status).toBe(404);
    expect((await act(id, "force-execute", tfe.keys.owner)).status).toBe(202);
    expect([await statusOf(planned), await statusOf(between), await statusOf(id)]).toEqual([
      ...["discarded", "canceled", "plan_queued"],
    ]);
    expect((await act(id, "force-execute", tfe.keys.owner)).status).toBe(409);
    await runs.start(id, "plan");
    const { id: next } = await runs.create();
    const refused = await act(next, "force-execute", tfe.keys.owner);
    expect(refused.status).toBe(409);
    expect(refused.document.errors[0].detail).toContain("is locked by run");
  });

  test.each(["apply", "discard", "cancel", "force-cancel", "force-execute"])(
    "%s: who may not see it",
    async (action) => {
      const id = await runs.planned();
      expect((await act(id, action, tfe.keys.siblingOwner)).status).toBe(404);
      expect((await act(id, action, tfe.keys.reader)).status).toBe(404);
      expect((await tfe.call("POST", `/runs/${id}/actions/${action}`, {}, { token: null })).status).toBe(401);
      expect((await act("run-nonexisting", action)).status).toBe(404);
      expect((await act(id, action, tfe.keys.owner, { comment: 1 })).status).toBe(422);
      expect(await statusOf(id)).toBe("planned");
    },
  );
});

describe("a saved plan", () => {
  test("waits for nobody, is never applied by itself, and takes the workspace when it is confirmed", async () => {
    const holder = await runs.planned();
    const saved = await runs.planned({ "save-plan": true, "auto-apply": true });
    expect((await runs.read(saved)).attributes).toMatchObject({
      ...{ status: "planned_and_saved", "save-plan": true },
      actions: { "is-confirmable": false, "is-discardable": true },
    });
    const refused = await act(saved, "apply");
    expect(refused.status).toBe(409);
    expect(refused.document.errors[0].detail).toContain(`is locked by run ${fromTfeId(holder)}`);
    await act(holder, "discard");
    expect((await runs.read(saved)).attributes.actions["is-confirmable"]).toBe(true);
    expect((await act(saved, "apply")).status).toBe(202);
    const { attributes } = await runs.create();
    expect(attributes.status).toBe("pending");
    await runs.start(saved, "apply");
    await runs.finish(saved, "apply");
    expect(await statusOf(saved)).toBe("applied");
  });

  test("is refused, and discarded, once another state is current", async () => {
    const saved = await runs.planned({ "save-plan": true });
    await tfe.control.store.write(async (tx) => {
      const workspace = await tx.workspaces.get(runs.workspace.id);
      if (workspace !== undefined) await tx.workspaces.save({ ...workspace, currentStateId: "sv_2" });
    });
    expect((await runs.read(saved)).attributes.actions["is-confirmable"]).toBe(false);
    const refused = await act(saved, "apply");
    expect(refused).toMatchObject({ status: 409 });
    expect(refused.document.errors[0].detail).toContain("make a new plan");
    await sweepOnce(tfe.control);
    expect(await runs.read(saved)).toMatchObject({ attributes: { status: "discarded" } });
  });

  test("is discarded after two weeks, and others are not", async () => {
    const [saved, waiting] = [await runs.planned({ "save-plan": true }), await runs.planned()];
    await tfe.clock.advance(14 * 24 * 3_600_000 - 2_000);
    await sweepOnce(tfe.control);
    expect([await statusOf(saved), await statusOf(waiting)]).toEqual(["planned_and_saved", "planned"]);
    await tfe.clock.advance(2_000);
    await sweepOnce(tfe.control);
    expect([await statusOf(saved), await statusOf(waiting)]).toEqual(["discarded", "planned"]);
  });
});
