import { durationMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
import { type Configuration, plainConfiguration } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { createPool } from "../agents/pools.ts";
import { topics } from "../core/control.ts";
import { jobSpecOf } from "../jobs/spec.ts";
import { deleteWorkspace } from "./deletion.ts";
import {
  createWorkspace,
  getWorkspace,
  type NewSettings,
  updateWorkspace,
  type WorkspaceUpdate,
} from "./workspaces.ts";

const configurationRow = ({ id, organizationId }: Workspace): Configuration => ({
  ...{ id: newId("cv", systemRandom), organizationId, workspaceId: id, blobKey: "00", bytes: 1, sha256: "00" },
  ...{ ...plainConfiguration, fileCount: 1, createdBy: "", createdAt: new Date(0) },
});

let fixture: TestControl;
let operator: Person;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
});
afterEach(() => fixture[Symbol.asyncDispose]());

const create = (name: string, settings: Partial<NewSettings> = {}) =>
  createWorkspace(fixture.control, operator, newWorkspace(name, settings));
const update = (name: string, changes: WorkspaceUpdate["changes"]) =>
  updateWorkspace(fixture.control, operator, { reference: ref(name), changes, etag: "" });
const consumersOf = async (name: string) => (await getWorkspace(fixture.control, operator, ref(name))).consumers;

describe("the settings of a workspace", () => {
  test("tags and consumers are kept sorted, each once", async () => {
    const wanted = { tags: ["prod", "a", "prod"], consumers: ["dns", "apps", "dns"] };
    const { workspace, consumers } = await create("network", wanted);
    expect([workspace.tags, consumers]).toEqual([
      ["a", "prod"],
      ["apps", "dns"],
    ]);
    expect((await update("network", { tags: [], consumers: [] })).consumers).toEqual([]);
  });

  test.each([
    ["agentSelector", { agentSelector: "zone=a,,gpu" }, "agent_selector", "is empty"],
    [
      "agentSelector",
      { agentSelector: "zone=a", executionMode: "remote" as const, pool: "" },
      "agent_selector",
      "only agents of a pool",
    ],
    ["consumers", { consumers: ["network"] }, "remote_state_consumers", "names itself"],
    ["consumers", { consumers: ["No Name"] }, "remote_state_consumers", "expected names of workspaces"],
  ])("%s that make no sense are refused", async (_name, settings, field, why) => {
    await createPool(fixture.control, operator, newPool("prod"));
    const wanted = { executionMode: "agent" as const, pool: "prod", ...settings };
    await expect(create("network", wanted)).rejects.toMatchObject({
      code: "validation",
      message: expect.stringContaining(why),
      fields: [{ field: `workspace.${field}` }],
    });
  });

  test("leaving the pool leaves the selector; another selector wakes the dispatcher", async () => {
    const { control } = fixture;
    await createPool(control, operator, newPool("prod"));
    await create("network", { executionMode: "agent", pool: "prod", agentSelector: "zone=a" });
    const seen = control.wake.version(topics.jobs);
    await update("network", { agentSelector: "gpu" });
    expect(control.wake.version(topics.jobs)).toBeGreaterThan(seen);
    expect((await update("network", { executionMode: "remote" })).workspace).toMatchObject({
      poolId: null,
      agentSelector: "",
    });
  });

  test("what a caller leaves out comes from the organization", async () => {
    const { control, organization } = fixture;
    const defaults = { defaultExecutionMode: "local", defaultEngine: "tofu", defaultEngineVersion: "1.9.0" } as const;
    await control.store.write((tx) => tx.organizations.save({ ...organization, ...defaults }));
    await createPool(control, operator, newPool("prod"));
    const plain = { executionMode: null, engine: null };
    expect((await create("aa", plain)).workspace).toMatchObject({
      ...{ executionMode: "local", engine: "tofu", engineVersion: "1.9.0" },
    });
    expect((await create("bb", { ...plain, pool: "prod", engine: "terraform" })).workspace).toMatchObject({
      ...{ executionMode: "agent", engine: "terraform", engineVersion: "" },
    });
    expect((await create("cc", { ...plain, engineVersion: "1.8.0" })).workspace).toMatchObject({
      ...{ engine: "tofu", engineVersion: "1.8.0" },
    });
  });

  test("an organization has no more workspaces than it may", async () => {
    const { control, organization } = fixture;
    await control.store.write((tx) => tx.organizations.save({ ...organization, maxWorkspaces: 1 }));
    await create("aa");
    await expect(create("bb")).rejects.toMatchObject({ code: "quota_exceeded", metadata: { limit: "1" } });
  });

  test("limits and parallelism reach the job: the workspace's, else the server's; the run's own option wins", async () => {
    const { control } = fixture;
    const specOf = async (settings: Partial<NewSettings>, phase: JobPhase, parallelism = 0) => {
      const { workspace } = await create(`ws-${phase}-${Object.keys(settings).length}-${parallelism}`, settings);
      const configuration = configurationRow(workspace);
      const run = runRow(workspace, { configurationId: configuration.id });
      const job = jobRow(run, { phase });
      return control.store.write(async (tx) => {
        await tx.configurations.insert(configuration);
        await tx.runs.insert({ ...run, options: { ...run.options, parallelism } });
        await tx.jobs.insert(job);
        const { timeout, options } = await jobSpecOf(control, tx, job);
        const seconds = timeout === undefined ? 0 : durationMs(timeout as Parameters<typeof durationMs>[0]) / 1000;
        return [seconds, options?.parallelism];
      });
    };
    const own = { planTimeoutMs: 60_000, applyTimeoutMs: 120_000, parallelism: 3 };
    expect(await specOf({}, "plan")).toEqual([7200, 0]);
    expect(await specOf({}, "apply", 4)).toEqual([86_400, 4]);
    expect(await specOf(own, "plan")).toEqual([60, 3]);
    expect(await specOf(own, "apply", 4)).toEqual([120, 4]);
  });
});

describe("sharing outputs", () => {
  test("follows a consumer to another name, and ends with it", async () => {
    await create("network", { consumers: ["apps", "other"] });
    await create("dns", { consumers: ["apps", "services"] });
    await create("apps");
    await update("apps", { name: "services" });
    expect([await consumersOf("network"), await consumersOf("dns")]).toEqual([["other", "services"], ["services"]]);
    await deleteWorkspace(fixture.control, operator, { reference: ref("services"), isForced: false });
    expect([await consumersOf("network"), await consumersOf("dns")]).toEqual([["other"], []]);
  });
});

test("a trial of a deletion says what would be lost, and deletes nothing", async () => {
  const { control } = fixture;
  const { workspace } = await create("network");
  const state = stateRow(workspace, { resourceCount: 4 });
  await control.store.write(async (tx) => {
    await tx.states.insert(state);
    await tx.workspaces.save({ ...workspace, currentStateId: state.id });
    await tx.configurations.insert(configurationRow(workspace));
  });
  const lost = { unreadReason: "", stateVersions: 1, resources: 4, runs: 0, variables: 0, configurationVersions: 1 };
  const deletion = { reference: ref("network"), isForced: false };
  expect(await deleteWorkspace(control, operator, { ...deletion, isTrial: true })).toEqual(lost);
  await expect(deleteWorkspace(control, operator, deletion)).rejects.toMatchObject({ code: "workspace_in_use" });
  expect(await deleteWorkspace(control, operator, { ...deletion, isForced: true })).toEqual(lost);
  await expect(getWorkspace(control, operator, ref("network"))).rejects.toMatchObject({ code: "not_found" });
});
