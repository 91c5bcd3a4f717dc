import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

const decimal = "1234567890.123456789012345678901234567891";
const huge = `1${"0".repeat(400)}`;
const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];

const source = `
variable "id" { type = number }
variable "facts" { type = any }
variable "__proto__" { type = string }
variable "pin" {
  type      = number
  sensitive = true
}
resource "terraform_data" "account" { input = { id = var.id, facts = var.facts } }
output "id" { value = var.id }
output "facts" { value = var.facts }
output "pin" {
  value     = var.pin
  sensitive = true
}
${names.map((name) => `output "${name}" { value = var.__proto__ }`).join("\n")}
`;

const variables = (id: string): string => `{
  "id": ${id},
  "facts": {"10": ${decimal}, "9": [1e400, -0, 1E5], "__proto__": {"constructor": ${id}}, "toString": "1E5"},
  "__proto__": "an ordinary name",
  "pin": 9007199254740997
}`;

const reader = (from: string): string => `
variable "windlass_shared_states" { type = string }
data "terraform_remote_state" "source" {
  backend = "local"
  config  = { path = "\${var.windlass_shared_states}/${from}.tfstate" }
}
locals { got = data.terraform_remote_state.source.outputs }
output "same" {
  value = {
    id        = local.got.id == 9007199254740993
    decimal   = local.got.facts["10"] == ${decimal}
    huge      = local.got.facts["9"][0] == 1e400
    inner     = local.got.facts["__proto__"].constructor == 9007199254740993
    names     = [for name in ${JSON.stringify(names)} : local.got[name]]
    pin       = nonsensitive(local.got.pin == 9007199254740997)
  }
}
output "printed" {
  value = nonsensitive([format("%v", local.got.pin), tostring(local.got.pin), local.got.pin + 0, local.got.pin + 1])
}
`;

describe("numbers and names arrive as they are written", () => {
  const stage = useStage();
  let pool: string;
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool });
  });

  async function cli(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await stage.scene.cli(stage.server, args);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  }

  async function directory(text: string): Promise<string> {
    const path = join(stage.scene.directory, freshName("configuration"));
    await mkdir(path);
    await writeFile(join(path, "main.tf"), text);
    return path;
  }

  async function importNumbers(workspace: string, id: string): Promise<void> {
    const file = join(stage.scene.directory, `${freshName("numbers")}.tfvars.json`);
    await writeFile(file, variables(id));
    await cli("var", "import", file, "-w", workspace, "--yes");
  }

  /** A workspace that was applied with one id, then with another one. */
  async function applied(): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, sharesStateWithOrganization: true });
    await api.upload(workspace, await directory(source));
    for (const id of ["9007199254740992", "9007199254740993"]) {
      await importNumbers(workspace, id);
      expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    }
    return workspace;
  }

  test("through variables, plan, state, and the state that another workspace reads", async () => {
    const { api } = stage.server;
    const workspace = await applied();
    const json = (...args: readonly string[]) => cli(...args, "-o", "json").then(JSON.parse);

    const { variables: stored } = await json("var", "list", "-w", workspace);
    const facts = `{ "10" = ${decimal}, "9" = [1e400, -0, 1E5], "__proto__" = { "constructor" = 9007199254740993 }, "toString" = "1E5" }`;
    expect(Object.fromEntries(stored.map(({ key, value }: { key: string; value: string }) => [key, value]))).toEqual(
      Object.fromEntries([
        ...[
          ["id", "9007199254740993"],
          ["facts", facts],
          ["pin", "9007199254740997"],
        ],
        ["__proto__", "an ordinary name"],
      ]),
    );

    const plan = await cli("run", "plan", workspace);
    expect(plan).toContain("      input.id                         = 9007199254740992 -> 9007199254740993");
    expect(plan).toContain("id = 9007199254740992 -> 9007199254740993");
    expect(plan).toContain("input.facts.__proto__.constructor = 9007199254740992 -> 9007199254740993");
    expect(await cli("run", "plan", workspace, "-o", "yaml")).toContain('beforeJson: "9007199254740992"');

    const states = await api.stateVersions(workspace);
    const [serials] = [states.map(({ serial }) => String(serial))];
    const difference = await cli("state", "diff", workspace, serials.at(-1) ?? "", serials[0] ?? "");
    expect(difference).toBe("  ~ terraform_data.account: input, output\n  outputs: facts, id\n");

    const printed = `{"10":${decimal},"9":[${huge},0,100000],"__proto__":{"constructor":9007199254740993},"toString":"1E5"}`;
    const lines = (await cli("state", "outputs", workspace)).split("\n");
    expect(lines).toEqual(expect.arrayContaining([`facts = ${printed}`, "id = 9007199254740993", "pin = <sensitive>"]));
    expect(await cli("state", "outputs", workspace, "id")).toBe("9007199254740993\n");
    expect((await cli("state", "outputs", workspace, "facts")).replaceAll(/\s/g, "")).toBe(printed);
    const shown = [
      await json("state", "outputs", workspace),
      parse(await cli("state", "outputs", workspace, "-o", "yaml"), { version: "1.1" }),
      JSON.parse(await cli("api", "StateService/GetOutputs", "-d", JSON.stringify({ workspace }))),
    ];
    for (const { outputs } of shown) {
      expect(outputs).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: "id", valueJson: "9007199254740993" }),
          expect.objectContaining({ name: "facts", valueJson: printed }),
          ...names.map((name) => expect.objectContaining({ name, valueJson: '"an ordinary name"' })),
        ]),
      );
    }

    const consumer = await api.workspace({ agentPool: pool });
    await api.upload(consumer, await directory(reader(workspace)));
    const run = await api.applied(consumer);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const same = JSON.parse(await cli("state", "outputs", consumer, "same"));
    expect(same).toEqual({
      ...{ id: true, decimal: true, huge: true, inner: true, pin: true },
      names: names.map(() => "an ordinary name"),
    });
    const log = (await api.log(run.id, RunPhase.APPLY)).text;
    expect(log).not.toMatch(/9007199254740997|9\.007199254740997e\+15/);
    expect(log).toContain("9007199254740998");
  });
});
