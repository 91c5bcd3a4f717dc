import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import type { WantedVariable } from "./variable-checks.ts";
import { deleteVariable, listVariables, maxVariables, setVariables } from "./variables.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let operator: Person;
beforeEach(async () => {
  fixture = await openTestControl();
  operator = fixture.as("operator");
  await createWorkspace(fixture.control, operator, newWorkspace("network"));
});
afterEach(() => fixture[Symbol.asyncDispose]());

const network = { organization: "acme", workspace: "network", variableSet: "" };
const variable = (key: string, over: Partial<WantedVariable> = {}): WantedVariable => ({
  key,
  value: "v",
  category: "terraform",
  isHcl: false,
  isSensitive: false,
  description: "",
  ...over,
});
const set = (...variables: readonly WantedVariable[]) =>
  setVariables(fixture.control, operator, { of: network, variables });
const list = async (size = 0, token = "") =>
  listVariables(fixture.control, operator, { of: network, page: { size, token } });

describe("variables", () => {
  test("a sensitive value is stored sealed and never comes back", async () => {
    const { control } = fixture;
    const [stored] = await set(variable("password", { value: "hunter2", isSensitive: true }));
    expect(stored).toMatchObject({ value: "", isSensitive: true });
    const sealed = stored?.sealedValue ?? new Uint8Array();
    expect(Buffer.from(sealed).includes("hunter2")).toBe(false);
    expect(Buffer.from(control.vault.open(sealed, `variable/${stored?.id}`)).toString()).toBe("hunter2");
    expect((await list()).rows).toMatchObject([{ key: "password", value: "" }]);
  });

  test("setting one again keeps its id and takes the new value and kind", async () => {
    const [first] = await set(variable("region", { value: "eu", isSensitive: true }));
    const [second] = await set(variable("region", { value: "us" }));
    expect(second).toMatchObject({ id: first?.id, value: "us", sealedValue: null, isSensitive: false });
    expect((await list()).rows).toHaveLength(1);
  });

  test("the same key may be of both categories", async () => {
    await set(variable("region"), variable("region", { category: "env" }));
    const one = await list(1);
    const two = await list(1, one.nextToken);
    expect([...one.rows, ...two.rows].map(({ category }) => category)).toEqual(["env", "terraform"]);
    const name = { of: network, category: "env" as const, key: "region" };
    await deleteVariable(fixture.control, operator, name);
    await expect(deleteVariable(fixture.control, operator, name)).rejects.toMatchObject({
      code: "not_found",
      metadata: { resource: "env variable", name: "region", workspace: "network" },
    });
  });

  test.each([
    ["a name that terraform cannot have", variable("2fast"), "variables[1].key"],
    ["a name with a dot", variable("a.b"), "variables[1].key"],
    [
      "an environment name that reaches into terraform",
      variable("TF_CLI_ARGS_plan", { category: "env" }),
      "variables[1].key",
    ],
    ["an environment name that loads code", variable("LD_PRELOAD", { category: "env" }), "variables[1].key"],
    ["an environment name with a dash", variable("a-b", { category: "env" }), "variables[1].key"],
    ["HCL in the environment", variable("LIST", { category: "env", isHcl: true }), "variables[1].hcl"],
    ["a value that no program can get", variable("nul", { value: "a\0b" }), "variables[1].value"],
    ["a name that is given twice", variable("fine"), "variables[1].key"],
  ])("%s is refused, and nothing is set", async (_what, bad, field) => {
    await expect(set(variable("fine"), bad)).rejects.toMatchObject({ code: "validation", fields: [{ field }] });
    expect((await list()).rows).toEqual([]);
  });

  test("there is a limit to their number", async () => {
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => variable(`v${from + index}`));
    await set(...many(0, maxVariables));
    await expect(set(variable("one_more"))).rejects.toMatchObject({ code: "quota_exceeded" });
    await set(variable("v0", { value: "changed" }));
  });

  test("roles and tenants", async () => {
    const { control, as, sibling } = fixture;
    const wanted = { of: network, variables: [variable("region")] };
    await expect(setVariables(control, as("planner"), wanted)).rejects.toMatchObject({ code: "permission_denied" });
    await expect(setVariables(control, as("owner", sibling), wanted)).rejects.toMatchObject({ code: "not_found" });
    const page = { size: 0, token: "" };
    await expect(listVariables(control, as("owner", sibling), { of: network, page })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
