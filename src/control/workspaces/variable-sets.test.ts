import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person, Principal } from "../../domain/people/principal.ts";
import type { EffectiveVariable } from "../../domain/workspaces/effective-variables.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { variablesOfJob } from "../jobs/inputs.ts";
import { listEffectiveVariables } from "./effective-variables.ts";
import type { WantedVariable } from "./variable-checks.ts";
import {
  attachVariableSet,
  createVariableSet,
  deleteVariableSet,
  detachVariableSet,
  getVariableSet,
  listVariableSets,
  updateVariableSet,
} from "./variable-sets.ts";
import { deleteVariable, listVariables, setVariables } from "./variables.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let operator: Person;
let network: Workspace;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
  network = (await createWorkspace(fixture.control, operator, newWorkspace("network"))).workspace;
  await createWorkspace(fixture.control, operator, newWorkspace("dns"));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const create = (name: string, isGlobal = false, requestId = "") =>
  createVariableSet(fixture.control, operator, {
    organization: "acme",
    settings: { name, description: "", isGlobal, isPriority: false },
    requestId,
  });
const set = (variableSet: string, key: string, over: Partial<WantedVariable> = {}, isTrial = false) =>
  setVariables(fixture.control, operator, {
    of: { organization: "acme", workspace: "", variableSet },
    variables: [
      { key, value: variableSet, category: "terraform", isHcl: false, isSensitive: false, description: "", ...over },
    ],
    isTrial,
  });
const attach = (name: string, ...workspaces: string[]) =>
  attachVariableSet(fixture.control, operator, { reference: ref(name), workspaces });
const keysOf = async (variableSet: string) => {
  const of = { organization: "acme", workspace: "", variableSet };
  const { rows } = await listVariables(fixture.control, operator, { of, page: { size: 0, token: "" } });
  return rows.map(({ key }) => key);
};

async function startedJob(isStarted = true): Promise<Principal> {
  const run = runRow(network, { status: "planning" });
  const own = { key: "of-run", value: "run", isHcl: false };
  const withOwn = { ...run, options: { ...run.options, variables: [own] } };
  const startedAt = isStarted ? fixture.clock.now() : null;
  const job = jobRow(run, { status: isStarted ? "started" : "offered", epoch: 1, startedAt });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(withOwn);
    await tx.jobs.insert(job);
  });
  return { kind: "job", jobId: job.id, epoch: 1 };
}

describe("variable sets", () => {
  test("are created once, found by name and id, changed, and deleted with their variables", async () => {
    const { control } = fixture;
    const made = await create("cloud", false, "r-1");
    expect(await create("cloud", false, "r-1")).toEqual(made);
    await expect(create("cloud")).rejects.toMatchObject({ code: "name_taken" });
    await set("cloud", "region");
    await attach("cloud", "dns", network.id);
    expect(await getVariableSet(control, operator, ref(made.set.id))).toMatchObject({
      organizationName: "acme",
      workspaces: ["dns", "network"],
      variableCount: 1,
    });
    const change = { reference: ref("cloud"), changes: { name: "aws", isGlobal: true }, etag: "" };
    expect((await updateVariableSet(control, operator, change)).set).toMatchObject({ name: "aws", isGlobal: true });
    await expect(create("AWS")).rejects.toMatchObject({ code: "name_taken", metadata: { name: "aws" } });
    await expect(create(made.set.id)).rejects.toMatchObject({ code: "validation" });
    await expect(
      updateVariableSet(control, operator, { ...change, reference: ref("aws"), etag: "1" }),
    ).rejects.toMatchObject({ code: "etag_mismatch" });
    await deleteVariableSet(control, operator, ref("aws"));
    await expect(getVariableSet(control, operator, ref(made.set.id))).rejects.toMatchObject({ code: "not_found" });
  });

  test("of another tenant do not exist, and planners change nothing", async () => {
    const { control, as, sibling } = fixture;
    const { set: cloud } = await create("cloud");
    const stranger = as("owner", sibling);
    const theirs = (await createWorkspace(control, stranger, newWorkspace("theirs", {}, { organization: "rival" })))
      .workspace;
    await expect(getVariableSet(control, stranger, ref(cloud.id))).rejects.toMatchObject({ code: "not_found" });
    await expect(attach("cloud", theirs.id)).rejects.toMatchObject({ code: "not_found" });
    const wanted = { reference: ref("cloud"), workspaces: ["network"] };
    await expect(
      attachVariableSet(control, fixture.admin, { ...wanted, workspaces: [theirs.id] }),
    ).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(attachVariableSet(control, as("planner"), wanted)).rejects.toMatchObject({
      code: "permission_denied",
    });
    expect(await getVariableSet(control, as("reader"), ref("cloud"))).toMatchObject({ workspaces: [] });
  });

  test("are attached and detached all or none", async () => {
    const { control } = fixture;
    await create("cloud");
    await expect(attach("cloud", "network", "nothing")).rejects.toMatchObject({ code: "not_found" });
    expect((await attach("cloud", "network", "dns", "network")).workspaces).toEqual(["dns", "network"]);
    const detached = { reference: ref("cloud"), workspaces: ["dns"] };
    expect((await detachVariableSet(control, operator, detached)).workspaces).toEqual(["network"]);
  });

  test("are listed by name, all or those that a workspace gets", async () => {
    const { control } = fixture;
    await create("one");
    await create("all", true);
    await create("two");
    await attach("two", "network");
    const list = async (workspace: string) => {
      const wanted = { organization: "acme", workspace, page: { size: 0, token: "" } };
      return (await listVariableSets(control, operator, wanted)).rows.map((view) => view.set.name);
    };
    expect([await list(""), await list("network")]).toEqual([
      ["all", "one", "two"],
      ["all", "two"],
    ]);
  });
});

describe("variables of a set", () => {
  test("are refused for the same reasons as a workspace's", async () => {
    await create("cloud");
    for (const [key, over] of [
      ["TF_CLI_ARGS_plan", { category: "env" }],
      ["TF_DATA_DIR", { category: "env" }],
      ["LD_PRELOAD", { category: "env" }],
      ["1st", {}],
      ["zones", { isHcl: true, value: "[1" }],
    ] as const) {
      await expect(set("cloud", key, over)).rejects.toMatchObject({ code: "validation" });
    }
    expect(await keysOf("cloud")).toEqual([]);
  });

  test("are only checked in a trial", async () => {
    await create("cloud");
    expect(await set("cloud", "region", {}, true)).toMatchObject([{ key: "region" }]);
    await expect(set("cloud", "1st", {}, true)).rejects.toMatchObject({ code: "validation" });
    expect(await keysOf("cloud")).toEqual([]);
  });

  test("are overwritten and deleted by name", async () => {
    await create("cloud");
    const [first] = await set("cloud", "region");
    const [second] = await set("cloud", "region", { value: "new" });
    expect(second).toMatchObject({ id: first?.id, value: "new" });
    const of = { organization: "acme", workspace: "", variableSet: "cloud" };
    await deleteVariable(fixture.control, operator, { of, category: "terraform", key: "region" });
    expect(await keysOf("cloud")).toEqual([]);
    for (const wrong of [
      { workspace: "", variableSet: "" },
      { workspace: "network", variableSet: "cloud" },
    ]) {
      const page = { size: 0, token: "" };
      const request = { of: { organization: "acme", ...wrong }, page };
      await expect(listVariables(fixture.control, operator, request)).rejects.toMatchObject({ code: "validation" });
    }
  });

  test("a job is told what it must hide beside its own: values that others hide, and former ones", async () => {
    const { control } = fixture;
    await create("all", true);
    for (const key of ["of-run", "b"]) await set("all", key, { isSensitive: true, value: `${key} of all` });
    await create("cloud");
    await attach("cloud", "network");
    await set("cloud", "b", { isSensitive: true, value: "b of cloud, before" });
    await set("cloud", "b", { isSensitive: true, value: "b of cloud" });
    const { variables, hidden } = await variablesOfJob(control, await startedJob());
    expect(variables.map(({ value }) => value)).toEqual(["b of cloud", "run"]);
    expect(hidden).toEqual(["b of all", "of-run of all", "b of cloud, before"]);
  });

  test("reach a started job in their order, sensitive ones opened; before the start they do not", async () => {
    const { control } = fixture;
    await create("all", true);
    await create("cloud");
    await attach("cloud", "network");
    for (const name of ["all", "cloud"]) {
      for (const key of ["a", "of-run"]) await set(name, key);
    }
    await set("all", "b", { isSensitive: true, value: "from all" });
    await set("cloud", "TOKEN", { category: "env", isSensitive: true, value: "sealed" });
    const [sealed] = await set("cloud", "PIN", { category: "env", isSensitive: true, value: "other" });
    expect(sealed?.value).toBe("");
    const { variables } = await variablesOfJob(control, await startedJob());
    const told = variables.map(({ key, value }) => `${key}=${value}`);
    expect(told).toEqual(["a=cloud", "b=from all", "of-run=run", "PIN=other", "TOKEN=sealed"]);
    const effective: EffectiveVariable[] = [];
    for (let token = ""; ; ) {
      const wanted = { workspace: ref("network"), page: { size: 2, token } };
      const page = await listEffectiveVariables(control, fixture.as("reader"), wanted);
      effective.push(...page.rows);
      token = page.nextToken;
      if (token === "") break;
    }
    expect(effective.map(({ variable: { key }, set: from, hidden }) => [key, from?.name, hidden.length])).toEqual([
      ["a", "cloud", 1],
      ["b", "all", 0],
      ["of-run", "cloud", 1],
      ["PIN", "cloud", 0],
      ["TOKEN", "cloud", 0],
    ]);
    await expect(variablesOfJob(control, await startedJob(false))).rejects.toMatchObject({ code: "permission_denied" });
  });

  test("of a priority set win over the run's own and the workspace's", async () => {
    const { control } = fixture;
    await create("all", true);
    await create("cloud");
    await attach("cloud", "network");
    const isPriority = { changes: { isPriority: true }, etag: "" };
    await updateVariableSet(control, operator, { reference: ref("cloud"), ...isPriority });
    for (const key of ["a", "of-run"]) await set("cloud", key);
    await set("all", "b");
    const mine = { key: "a", value: "mine", category: "terraform", isHcl: false, isSensitive: false } as const;
    const of = { organization: "acme", workspace: "network", variableSet: "" };
    await setVariables(control, operator, { of, variables: [{ ...mine, description: "" }] });
    const told = async () =>
      (await variablesOfJob(control, await startedJob())).variables.map(({ key, value }) => `${key}=${value}`);
    expect(await told()).toEqual(["a=cloud", "b=all", "of-run=cloud"]);
    await updateVariableSet(control, operator, { reference: ref("all"), ...isPriority });
    for (const key of ["a", "of-run"]) await set("all", key);
    expect(await told()).toEqual(["a=all", "b=all", "of-run=all"]);
  });

  test("that are more than a job can be given are refused to it by name", async () => {
    const value = "x".repeat(200 * 1024);
    for (const name of ["one", "two"]) {
      await create(name, true);
      for (let index = 0; index < 9; index += 1) await set(name, `${name}${index}`, { value });
    }
    await expect(set("two", "more", { value: value.repeat(2) })).rejects.toMatchObject({ code: "quota_exceeded" });
    await expect(variablesOfJob(fixture.control, await startedJob())).rejects.toMatchObject({
      code: "quota_exceeded",
      message: expect.stringContaining("variable sets"),
    });
  });
});
