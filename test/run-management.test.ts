import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PlanAction, RunPriority, RunSource, RunState, WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName, refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

const configuration = `
variable "size" {
  type    = number
  default = 1
}
variable "password" { type = string }
variable "token" {
  type      = string
  sensitive = true
  default   = "a-marked-secret"
}
resource "terraform_data" "kept" { input = { size = var.size, password = var.password, token = var.token } }
resource "terraform_data" "replaced" { triggers_replace = var.size }
resource "terraform_data" "gone" { count = var.size == 1 ? 1 : 0 }
module "net" { source = "./net" }
output "size" { value = var.size }
`;

describe("runs are managed", () => {
  const stage = useStage();
  let pool: string;
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, name: "vm-1" });
  });

  const cli = (...args: readonly string[]) => stage.scene.cli(stage.server, ["run", ...args]);
  const answer = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };

  async function hello(): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    return workspace;
  }

  async function modules(): Promise<string> {
    const { api } = stage.server;
    const directory = await stage.scene.configuration("hello");
    await writeFile(join(directory, "main.tf"), configuration);
    await mkdir(join(directory, "net"));
    await writeFile(join(directory, "net", "main.tf"), 'resource "terraform_data" "a" { input = "in a module" }\n');
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, directory);
    await api.set(workspace, [{ key: "password", value: "an-unmarked-secret", sensitive: true }]);
    return workspace;
  }

  test("their plan is shown by resource and attribute, and no secret is in it", async () => {
    const { api } = stage.server;
    const workspace = await modules();
    expect(await api.applied(workspace)).toMatchObject({ state: RunState.APPLIED });
    const run = await api.planned(workspace, { variables: [{ key: "size", value: "2" }] });
    const { plan } = await api.clients.runs.getRunPlan({ runId: run.id });
    expect(JSON.stringify(plan, (_key, value) => (typeof value === "bigint" ? String(value) : value))).not.toMatch(
      /unmarked-secret|marked-secret/,
    );
    const byAddress = new Map(plan?.resourceChanges.map((change) => [change.address, change]));
    expect(byAddress.get("terraform_data.gone[0]")).toMatchObject({
      ...{
        action: PlanAction.DESTROY,
        actionReason: "delete_because_count_index",
        resourceType: "terraform_data",
        name: "gone",
      },
      provider: "terraform.io/builtin/terraform",
    });
    const replaced = byAddress.get("terraform_data.replaced");
    expect(replaced?.action).toBe(PlanAction.REPLACE);
    expect(replaced?.attributes).toContainEqual(
      expect.objectContaining({ path: "triggers_replace", beforeJson: "1", afterJson: "2", forcesReplacement: true }),
    );
    expect(replaced?.attributes).toContainEqual(expect.objectContaining({ path: "id", unknown: true }));
    expect(byAddress.get("terraform_data.kept")?.attributes).toContainEqual(
      expect.objectContaining({ path: "input.size", beforeJson: "1", afterJson: "2" }),
    );
    expect(plan?.outputChanges).toMatchObject([{ name: "size", change: { beforeJson: "1", afterJson: "2" } }]);
    expect(plan?.counts).toMatchObject(run.plannedChanges ?? {});

    const shown = await answer("plan", workspace);
    expect(shown).toMatch(/^ {2}- terraform_data\.gone\[0\] \(because index \[0\] is out of range for count\)\n/);
    expect(shown).toContain("# forces replacement");
    expect(shown).not.toMatch(/unmarked-secret|marked-secret/);
    const only = await answer("plan", workspace, "--only", "destroy");
    expect(only).not.toContain("terraform_data.kept");
    await answer("discard", workspace, "--comment", "only looking");
    const ended = await api.run(run.id);
    expect(ended).toMatchObject({ state: RunState.DISCARDED, decisionComment: "only looking", source: RunSource.API });
  });

  test("their creation in a module is named, and a plan that has not ended has nothing to show", async () => {
    const { api } = stage.server;
    const workspace = await modules();
    const { id } = await api.planned(workspace);
    const { plan } = await api.clients.runs.getRunPlan({ runId: id });
    const inModule = plan?.resourceChanges.find(({ module }) => module === "module.net");
    expect(inModule).toMatchObject({ address: "module.net.terraform_data.a", action: PlanAction.CREATE, name: "a" });
    expect(inModule?.attributes).toContainEqual(
      expect.objectContaining({ path: "input", beforeJson: "", afterJson: '"in a module"' }),
    );
    const next = await api.start(workspace);
    expect(await refusalOf(api.clients.runs.getRunPlan({ runId: next }))).toMatchObject({ code: "NotFound" });
    for (const run of [next, id]) await api.clients.runs.cancelRun({ runId: run });
  });

  test("what happens to them, and what is said about them, is told by run get", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const { id } = await api.planned(workspace);
    await answer("comment", `run/${id}`, "waits", "for", "CHG-118");
    await answer("confirm", `workspace/${workspace}`, "--comment", "ok");
    expect(await api.ended(id)).toMatchObject({ state: RunState.APPLIED, decisionComment: "ok" });
    const { events } = await api.clients.runs.listRunEvents({ runId: id });
    expect(events.map(({ state, title }) => [state, title])).toEqual([
      [RunState.PENDING, "created"],
      [RunState.PLAN_QUEUED, "got the workspace, queued for an agent"],
      [RunState.PLANNING, "planning on vm-1"],
      [RunState.PLANNED, "planned: 1 to add, 0 to change, 0 to destroy"],
      [RunState.UNSPECIFIED, "commented"],
      [RunState.APPLY_QUEUED, "confirmed"],
      [RunState.APPLYING, "applying on vm-1"],
      [RunState.APPLIED, "applied: 1 added, 0 changed, 0 destroyed"],
    ]);
    const shown = await answer("get", id);
    expect(shown).toMatch(/commented \[.*\]: waits for CHG-118\n/);
    expect(shown).toMatch(/confirmed \[.*\]: ok\n/);
    expect(await refusalOf(api.confirm(id))).toMatchObject({ reason: "RUN_NOT_CONFIRMABLE" });
    expect(await cli("confirm", id)).toMatchObject({ code: 5 });
  });

  test("one that has ended is retried with its options and variables", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const options = {
      autoApply: true,
      variables: [{ key: "who", value: "you" }],
      targets: ["terraform_data.greeting"],
    };
    const first = await api.ended(await api.start(workspace, options));
    await api.applied(workspace, { destroy: true });
    await api.upload(workspace, await stage.scene.configuration("syntax-error"));
    const id = (await answer("retry", first.id, "-o", "name")).trim().replace("run/", "");
    const second = await api.ended(id);
    expect(second).toMatchObject({
      ...{ state: RunState.APPLIED, retryOf: first.id, configurationVersionId: first.configurationVersionId },
      ...{ source: RunSource.CLI, options: { targets: options.targets, variables: options.variables } },
    });
    expect(await api.outputs(workspace)).toEqual({ greeting: "hello, you" });
  });

  test("they are listed by what they are about", async () => {
    const { api } = stage.server;
    const workspace = await hello();
    const mark = freshName("mark");
    const run = await api.clients.runs.createRun({ workspace, message: `Resize ${mark}` });
    await api.runIn(run.run?.id ?? "", RunState.PLANNED);
    const name = `run/${run.run?.id}\n`;
    await api.planned(await hello());
    expect(await answer("list", "--search", mark.toUpperCase(), "-o", "name")).toBe(name);
    expect(await answer("list", "-w", workspace, "--active", "--agent", "vm-1", "--since", "1h", "-o", "name")).toBe(
      name,
    );
    expect(await answer("list", "-w", workspace, "--until", "1h", "-o", "name")).toBe("");
    expect(await answer("list", "-w", workspace, "--pool", await api.pool(), "-o", "name")).toBe("");
    await api.clients.runs.cancelRun({ runId: run.run?.id ?? "" });
    expect(await answer("list", "-w", workspace, "--active", "-o", "name")).toBe("");
  });
});

describe("runs that wait", () => {
  const stage = useStage({ args: ["--queue-timeout", "3s"] });
  const cli = (...args: readonly string[]) => stage.scene.cli(stage.server, ["run", ...args]);

  async function queued(): Promise<string> {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: await api.pool() });
    await api.upload(workspace, await stage.scene.configuration("hello"));
    return workspace;
  }

  test("too long for an agent or the workspace are canceled, unless they may wait longer", async () => {
    const { api } = stage.server;
    const workspace = await queued();
    const patient = { queueTimeout: { seconds: 3600n } };
    const holder = await api.start(workspace, patient);
    const [short, long] = [await api.start(workspace), await api.start(workspace, patient)];
    const ended = await api.runWhen(short, "is canceled", ({ state }) => state === RunState.CANCELED);
    expect(ended.errorMessage).toBe(`it waited longer than its queue timeout of 3s: waits for run ${holder} to end`);
    expect([(await api.run(holder)).state, (await api.run(long)).state]).toEqual([
      RunState.PLAN_QUEUED,
      RunState.PENDING,
    ]);
    const unserved = await api.start(await queued());
    const over = await api.runWhen(unserved, "is canceled", ({ state }) => state === RunState.CANCELED);
    expect(over.errorMessage).toContain("no agent of pool");
    const { code, stderr } = await cli("watch", unserved);
    expect([code, stderr]).toEqual([6, expect.stringContaining("it waited longer than its queue timeout of 3s")]);
  });

  test("are left with exit code 8 by --no-wait; the more urgent one is next", async () => {
    const { api } = stage.server;
    const workspace = await queued();
    const patient = { queueTimeout: { seconds: 3600n } };
    const holder = await api.start(workspace, patient);
    const [first, second] = [await api.start(workspace, patient), await api.start(workspace, patient)];
    expect((await cli("priority", second, "high")).code).toBe(0);
    expect(await api.run(second)).toMatchObject({ priority: RunPriority.HIGH, waiting: { queuePosition: 1 } });
    const options = ["--cv", "latest", "--queue-timeout", "1h", "--priority", "low", "--no-wait"];
    const left = await cli("start", workspace, ...options);
    expect([left.code, left.stderr]).toEqual([
      8,
      expect.stringContaining(`waits for run ${holder} to end (position 3)`),
    ]);
    await api.clients.runs.cancelRun({ runId: holder, comment: "out of the way" });
    expect(await api.run(holder)).toMatchObject({
      state: RunState.CANCELED,
      canceledBy: expect.stringContaining("key_"),
    });
    expect((await api.run(second)).state).toBe(RunState.PLAN_QUEUED);
    expect((await api.run(first)).waiting?.reason).toBe(WaitingReason.EARLIER_RUN);
    const low = (await api.clients.runs.listRuns({ workspace, active: true })).runs.find(
      (run) => run.message === "" && run.priority === RunPriority.LOW,
    );
    expect(low).toMatchObject({ source: RunSource.CLI, options: { queueTimeout: { seconds: 3600n } } });
    expect(
      await refusalOf(api.clients.runs.setRunPriority({ runId: holder, priority: RunPriority.LOW })),
    ).toMatchObject({
      code: "FailedPrecondition",
      reason: "RUN_NOT_QUEUED",
    });
    expect(await refusalOf(api.clients.runs.retryRun({ runId: second }))).toMatchObject({
      reason: "RUN_NOT_RETRYABLE",
    });
  });
});
