import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRun } from "../../src/control/runs/runs.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { fromTfeId, idIn, toTfeId } from "../../src/tfe/core/ids.ts";
import { ending, entry, noise, pax, tar } from "../support/archive.ts";
import { plainOptions } from "../support/rows.ts";
import { openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { newWorkspace, ref } from "../support/wanted.ts";

let tfe: TestTfe;
let workspace: Workspace;
let versions: string;
beforeEach(async () => {
  tfe = await openTestTfe({ limits: { maxConfigurationBytes: 64 * 1024 } });
  ({ workspace } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("net")));
  versions = `/workspaces/${toTfeId(workspace.id)}/configuration-versions`;
});
afterEach(() => tfe[Symbol.asyncDispose]());

const main = entry({ name: "main.tf", body: 'resource "terraform_data" "a" {}\n' });
const archive = tar(main);
const noRun = { "auto-queue-runs": false };

const create = async (attributes: Readonly<Record<string, unknown>> = noRun, token = tfe.keys.operator) => {
  const { status, document } = await tfe.call("POST", versions, resourceBody("configuration-versions", attributes), {
    token,
  });
  expect(status).toBe(201);
  const { "upload-url": url, ...rest } = document.data.attributes;
  return { id: document.data.id as string, url: url as string, document: { ...document.data, attributes: rest } };
};
const put = (url: string, body: unknown) => tfe.call("PUT", url, body, { token: null });
const read = async (id: string) => (await tfe.call("GET", `/configuration-versions/${id}`)).document.data;
const statusOf = async (id: string) => (await read(id)).attributes.status;
const runs = () =>
  tfe.control.store.read((q) => q.upkeep.runsUsing({ id: idIn("cv", lastId) ?? "cv_", workspaceId: workspace.id }));
let lastId = "";
const startRun = (id: string) =>
  createRun(tfe.control, tfe.as("operator"), {
    workspace: ref("net"),
    configurationId: fromTfeId(id),
    options: plainOptions,
    message: "",
    requestId: "",
  });

describe("a configuration version", () => {
  test("waits for its archive, and is the same in its creation, a list and a read but for the URL", async () => {
    const one = await create();
    expect(one.document).toMatchObject({
      type: "configuration-versions",
      attributes: { status: "pending", source: "tfe-api", speculative: false, provisional: false, error: null },
    });
    expect(await read(one.id)).toEqual(one.document);
    await tfe.clock.advance(1);
    const two = await create();
    const { document } = await tfe.call("GET", versions);
    expect(document.data).toEqual([two.document, one.document]);
    expect(document.meta.pagination).toMatchObject({ "current-page": 1, "total-count": 2 });
    const far = await tfe.call("GET", `${versions}?page[number]=999&page[size]=100`);
    expect(far.document).toMatchObject({
      data: [],
      meta: { pagination: { "current-page": 999, "total-count": 2 } },
    });
  });

  test("is uploaded when the answer comes, and gives its archive back byte for byte", async () => {
    const { id, url } = await create();
    expect((await tfe.call("GET", `/configuration-versions/${id}/download`)).status).toBe(404);
    expect((await put(url, archive)).status).toBe(200);
    expect(await statusOf(id)).toBe("uploaded");
    const { status, bytes } = await tfe.call("GET", `/configuration-versions/${id}/download`);
    expect([status, Buffer.from(bytes).equals(archive)]).toEqual([200, true]);
  });

  test("takes a second archive until a run has used it, and then nothing", async () => {
    const { id, url } = await create();
    await put(url, archive);
    const other = tar(main, entry({ name: "more.tf", body: "# more\n" }));
    expect((await put(url, other)).status).toBe(200);
    await startRun(id);
    const late = await put(url, archive);
    expect(late).toMatchObject({
      status: 409,
      document: { errors: [{ detail: expect.stringContaining("used by a run") }] },
    });
    const { bytes } = await tfe.call("GET", `/configuration-versions/${id}/download`);
    expect(Buffer.from(bytes).equals(other)).toBe(true);
  });

  test.each([
    ["no archive", Buffer.from("hello")],
    ["half of one", archive.subarray(0, 40)],
    ["a path that leads out", tar(entry({ name: "../main.tf" }))],
    ["a link that leads out", tar(entry({ name: "out", type: "2", link: "/etc/passwd" }))],
    ["a device", tar(entry({ name: "null", type: "3" }))],
    ["nothing", Buffer.alloc(0)],
  ])("of %s is errored and says why; a good one afterwards is taken", async (_what, bytes) => {
    const { id, url } = await create();
    const refusal = await put(url, bytes);
    expect(refusal.status).toBe(422);
    const { attributes } = await read(id);
    expect(attributes).toMatchObject({ status: "errored", "error-message": refusal.document.errors[0].detail });
    await expect(startRun(id)).rejects.toMatchObject({ code: "validation" });
    expect((await put(url, archive)).status).toBe(200);
    expect((await read(id)).attributes).toMatchObject({ status: "uploaded", error: null });
    expect((await put(url, bytes)).status).toBe(422);
    expect(await statusOf(id)).toBe("uploaded");
  });

  test("that is too large is refused, announced or not, and stays pending", async () => {
    const { id, url } = await create();
    const large = tar(entry({ name: "large", body: noise(100_000, 1) }));
    expect((await put(url, large)).status).toBe(413);
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(large);
        controller.close();
      },
    });
    const unannounced = await fetch(url, { method: "PUT", body, duplex: "half" } as RequestInit);
    expect(unannounced.status).toBe(413);
    expect(await statusOf(id)).toBe("pending");
  });

  test("has the long names and the links that terraform packs", async () => {
    const { id, url } = await create();
    const long = `${"deep/".repeat(40)}main.tf`;
    const packed = tar(
      pax({ path: long }),
      entry({ name: "cut", body: "# deep\n" }),
      entry({ name: ".terraform/", type: "5" }),
      entry({ name: ".terraform/modules/modules.json", body: "{}" }),
      entry({ name: "terraform.tfstate", body: "{}" }),
      entry({ name: "link.tf", type: "2", link: "./main.tf" }),
      main,
      ending,
    );
    expect((await put(url, packed)).status).toBe(200);
    expect(await statusOf(id)).toBe("uploaded");
  });

  test("starts a run in its uploader's name once it is there, unless it was told not to", async () => {
    const quiet = await create();
    await put(quiet.url, archive);
    const { id, url } = await create({});
    lastId = id;
    expect(await runs()).toEqual([]);
    await put(url, archive);
    const [runId, ...more] = await runs();
    expect(more).toEqual([]);
    const run = await tfe.control.store.read(async (q) => (runId === undefined ? undefined : q.runs.get(runId)));
    expect(run).toMatchObject({ options: { isPlanOnly: false, isAutoApply: false }, status: "plan_queued" });
    expect(run?.createdBy).toContain("a operator");
    expect(run?.source).toBe("tfe-api");
    expect((await put(url, archive)).status).toBe(409);
  });

  test("that is speculative starts a plan, and never an apply", async () => {
    const { id, url } = await create({ speculative: true }, tfe.keys.planner);
    lastId = id;
    await put(url, archive);
    await expect(startRun(id)).resolves.toMatchObject({ run: { options: { isPlanOnly: true } } });
    expect(await runs()).toHaveLength(2);
  });

  test("is archived when it is not the current one", async () => {
    const old = await create();
    await put(old.url, archive);
    const actions = `/configuration-versions/${old.id}/actions/archive`;
    const refusal = await tfe.call("POST", actions);
    expect(refusal.status).toBe(422);
    expect(refusal.document.errors[0].detail).toBe(
      "transition not allowed: configuration could not be archived because it is current",
    );
    await tfe.clock.advance(1_000);
    const next = await create();
    await put(next.url, archive);
    expect((await tfe.call("POST", actions)).status).toBe(202);
    expect(await statusOf(old.id)).toBe("archived");
    expect((await tfe.call("GET", `/configuration-versions/${old.id}/download`)).status).toBe(404);
    expect((await put(old.url, archive)).status).toBe(409);
    await expect(startRun(old.id)).rejects.toMatchObject({ code: "validation" });
  });
});

describe("a run that names no configuration", () => {
  test("gets the newest that was uploaded and lasts", async () => {
    const good = await create();
    await put(good.url, archive);
    await tfe.clock.advance(1_000);
    for (const attributes of [{ provisional: true }, { speculative: true }]) {
      const { url } = await create({ ...noRun, ...attributes });
      await put(url, archive);
    }
    await create();
    const { run } = await startRun("");
    expect(toTfeId(run.configurationId)).toBe(good.id);
  });
});

describe("is refused", () => {
  const asked = (attributes: unknown) => resourceBody("configuration-versions", attributes as never);

  test("whoever may not do it, and learns no more than that it is not there", async () => {
    const { id } = await create();
    for (const [token, status] of [
      [null, 401],
      ["wdl_usr_wrong", 401],
      [tfe.keys.siblingOwner, 404],
    ] as const) {
      for (const [method, path] of [
        ["GET", versions],
        ["POST", versions],
        ["GET", `/configuration-versions/${id}`],
        ["GET", `/configuration-versions/${id}/download`],
        ["POST", `/configuration-versions/${id}/actions/archive`],
      ] as const) {
        const body = method === "POST" ? asked({}) : undefined;
        expect((await tfe.call(method, path, body, { token })).status, `${method} ${path}`).toBe(status);
      }
    }
    expect((await tfe.call("POST", versions, asked(noRun), { token: tfe.keys.reader })).status).toBe(404);
    expect((await tfe.call("POST", versions, asked({}), { token: tfe.keys.planner })).status).toBe(404);
    expect((await tfe.call("POST", versions, asked(noRun), { token: tfe.keys.planner })).status).toBe(201);
  });

  test.each([
    ["a number for a flag", { speculative: 1 }, "/data/attributes/speculative"],
    ["a text for a flag", { "auto-queue-runs": "no" }, "/data/attributes/auto-queue-runs"],
  ])("%s", async (_what, attributes, pointer) => {
    const { status, document } = await tfe.call("POST", versions, asked(attributes));
    expect([status, document.errors[0].source.pointer]).toEqual([422, pointer]);
  });

  test("a URL that is changed, too old, used otherwise, or whose key is over", async () => {
    const { id, url } = await create();
    expect((await put(`${url.slice(0, -10)}nonexistin`, archive)).status).toBe(404);
    expect((await tfe.call("GET", url)).status).toBe(404);
    const keys = await tfe.control.store.read((q) => q.apiKeys.list(tfe.organization.id, { before: null, limit: 100 }));
    const own = keys.find(({ role }) => role === "operator");
    await tfe.control.store.write(async (tx) => {
      if (own !== undefined) await tx.apiKeys.save({ ...own, revokedAt: tfe.clock.now() });
    });
    expect((await put(url, archive)).status).toBe(404);
    await tfe.control.store.write(async (tx) => {
      if (own !== undefined) await tx.apiKeys.save({ ...own, revokedAt: null });
    });
    await tfe.clock.advance(25 * 3_600_000 + 1_000);
    expect((await put(url, archive)).status).toBe(404);
    expect(await statusOf(id)).toBe("pending");
  });
});
