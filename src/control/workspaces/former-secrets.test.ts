import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { deleteWorkspace } from "./deletion.ts";
import { readSecrets } from "./former-secrets.ts";
import type { HolderReference } from "./variable-holder.ts";
import { attachVariableSet, createVariableSet, deleteVariableSet, detachVariableSet } from "./variable-sets.ts";
import { deleteVariable, setVariables } from "./variables.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let workspace: Workspace;
beforeEach(async () => {
  fixture = await openTestControl();
  ({ workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("network")));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const network: HolderReference = { organization: "acme", workspace: "network", variableSet: "" };
const cloud: HolderReference = { organization: "acme", workspace: "", variableSet: "cloud" };

async function set(of: HolderReference, value: string, over: { isSensitive?: boolean; key?: string } = {}) {
  await fixture.clock.advance(1_000);
  const wanted = { key: "password", category: "terraform", isHcl: false, isSensitive: true, description: "" } as const;
  await setVariables(fixture.control, fixture.as("operator"), { of, variables: [{ ...wanted, value, ...over }] });
}
const drop = (of: HolderReference) =>
  deleteVariable(fixture.control, fixture.as("operator"), { of, category: "terraform", key: "password" });
const secrets = async () =>
  (await fixture.control.store.read((q) => readSecrets(fixture.control, q, workspace))).map(({ value }) => value);
const named = (name: string) => ({ organization: "acme", name });

test("what a sensitive variable was before is a secret on, after a change and after a deletion, the newest first", async () => {
  await set(network, "first-secret");
  await set(network, "second-secret");
  await set(network, "second-secret");
  expect(await secrets()).toEqual(["second-secret", "first-secret"]);
  await drop(network);
  expect(await secrets()).toEqual(["second-secret", "first-secret"]);
});

test("what was never sensitive is none, nor is a value that people have made readable", async () => {
  await set(network, "plain-value", { isSensitive: false });
  await set(network, "other-value", { isSensitive: true });
  await set(network, "other-value", { isSensitive: false });
  await drop(network);
  expect(await secrets()).toEqual([]);
});

test("those of a set are the workspace's too, also when the set is taken away or deleted", async () => {
  const { control, as } = fixture;
  const settings = { name: "cloud", description: "", isGlobal: false, isPriority: false };
  const make = () => createVariableSet(control, as("operator"), { organization: "acme", settings, requestId: "" });
  const attached = { reference: named("cloud"), workspaces: ["network"] };
  await make();
  await attachVariableSet(control, as("operator"), attached);
  await set(cloud, "first-of-set");
  await set(network, "stronger-own");
  await set(cloud, "second-of-set");
  expect(await secrets()).toEqual(["stronger-own", "second-of-set", "first-of-set"]);
  await detachVariableSet(control, as("operator"), attached);
  expect((await secrets()).toSorted()).toEqual(["stronger-own", "second-of-set", "first-of-set"].toSorted());
  await attachVariableSet(control, as("operator"), attached);
  await set(cloud, "third-of-set");
  await deleteVariableSet(control, as("operator"), named("cloud"));
  expect((await secrets()).toSorted()).toEqual(
    ["stronger-own", "third-of-set", "second-of-set", "first-of-set"].toSorted(),
  );
});

test("no more than a hundred of them are kept, and they are gone with their workspace", async () => {
  for (let count = 0; count < 110; count += 1) await set(network, `secret number ${count}`);
  const found = await secrets();
  expect([found.length, found.at(-1)]).toEqual([101, "secret number 9"]);
  const holders = { workspaceIds: [workspace.id], setIds: [] };
  expect(await fixture.control.store.read((q) => q.formerSecrets.of(holders))).toHaveLength(100);
  await deleteWorkspace(fixture.control, fixture.as("owner"), { reference: named("network"), isForced: true });
  expect(await fixture.control.store.read((q) => q.formerSecrets.of(holders))).toEqual([]);
});
