import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { entry, tar } from "../support/archive.ts";
import { type AnyDocument, openTestTfe, resourceBody, type TestTfe } from "../support/tfe.ts";
import { newWorkspace } from "../support/wanted.ts";

let tfe: TestTfe;
let path: string;
beforeAll(async () => {
  tfe = await openTestTfe();
  const { workspace } = await createWorkspace(tfe.control, tfe.as("owner"), newWorkspace("net"));
  path = `/workspaces/${toTfeId(workspace.id)}`;
});
afterAll(() => tfe[Symbol.asyncDispose]());

/** Uploads a configuration, without a run. */
async function configure(): Promise<string> {
  // Which one is the newest is told by when it came.
  await tfe.clock.advance(1);
  const body = resourceBody("configuration-versions", { "auto-queue-runs": false });
  const { data } = (await tfe.call("POST", `${path}/configuration-versions`, body)).document;
  await tfe.call("PUT", data.attributes["upload-url"], tar(entry({ name: "main.tf", body: "#\n" })), { token: null });
  return data.id;
}

async function startRun(configuration: string): Promise<string> {
  const [, , workspace = ""] = path.split("/");
  const relationships = {
    workspace: { data: { type: "workspaces", id: workspace } },
    "configuration-version": { data: { type: "configuration-versions", id: configuration } },
  };
  return (await tfe.call("POST", "/runs", resourceBody("runs", {}, relationships))).document.data.id;
}

/** What stands beside, as `type id`; users by their name. */
const beside = async (address: string): Promise<readonly string[]> =>
  (await tfe.call("GET", address)).document.included
    .map(({ type, id, attributes }: AnyDocument) => `${type} ${type === "users" ? attributes.username : id}`)
    .toSorted();

const state = JSON.stringify({
  ...{ version: 4, terraform_version: "1.11.4", serial: 1, lineage: "383ab4a3-288d-cf82-c0ce-211c8ef44354" },
  ...{ outputs: { a: { value: 1, type: "number" } }, resources: [] },
});

test("a state comes with its run, and what that has, before its bytes came and after", async () => {
  await tfe.call("POST", `${path}/actions/lock`);
  const configuration = await configure();
  const run = await startRun(configuration);
  const body = resourceBody(
    "state-versions",
    { serial: 1, md5: createHash("md5").update(state).digest("hex") },
    { run: { data: { type: "runs", id: run } } },
  );
  const { data } = (await tfe.call("POST", `${path}/state-versions`, body)).document;
  const one = `/state-versions/${data.id}`;
  const wanted = "run,run.created_by,run.configuration_version,created_by";
  const makers = [`configuration-versions ${configuration}`, `runs ${run}`, "users a operator"];
  expect(await beside(`${one}?include=${wanted}`)).toEqual(makers);
  await tfe.call("PUT", data.attributes["hosted-state-upload-url"], state, { token: null });
  expect(await beside(`${one}?include=run`)).toEqual([`runs ${run}`]);
  expect(await beside(`${one}?include=run.created_by`)).toEqual([`runs ${run}`, "users a operator"]);
  const all = await beside(`${path}/current-state-version?include=outputs,${wanted}`);
  expect(all.filter((name) => !name.startsWith("state-version-outputs "))).toEqual(makers);
  expect(all).toHaveLength(makers.length + 1);
});

test("a workspace comes with its configuration, and with the person or the run that holds it", async () => {
  const configuration = await configure();
  const asked = `${path}?include=locked_by,current-configuration-version`;
  await tfe.call("POST", `${path}/actions/lock`);
  expect(await beside(asked)).toEqual([`configuration-versions ${configuration}`, "users a operator"]);
  const run = await startRun(configuration);
  const pending = (await tfe.call("GET", `${path}/runs`)).document.data.map(({ id }: AnyDocument) => id);
  for (const other of pending.filter((id: string) => id !== run))
    await tfe.call("POST", `/runs/${other}/actions/cancel`);
  await tfe.call("POST", `${path}/actions/unlock`);
  expect(await beside(asked)).toEqual([`configuration-versions ${configuration}`, `runs ${run}`]);
  await tfe.call("POST", `/runs/${run}/actions/cancel`);
  expect(await beside(asked)).toEqual([`configuration-versions ${configuration}`]);
});

test.each([
  ["configuration-versions", "weather"],
  ["runs", "weather"],
  ["varsets", "weather"],
])("a list of %s knows no %s", async (list, include) => {
  expect((await tfe.call("GET", `${path}/${list}?include=${include}`)).document.errors[0]).toMatchObject({
    status: "400",
    source: { parameter: "include" },
  });
});
