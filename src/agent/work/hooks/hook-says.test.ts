import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../../test/support/agent/fake-job.ts";
import { sandboxesHere } from "../../../../test/support/agent/sandbox-here.ts";
import { describeWithTerraform } from "../../../../test/support/terraform.ts";
import { JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";
import type { AgentConfig, HookConfig } from "../../contract/config.ts";

let place: AgentPlace;
let configuration: Uint8Array;
beforeEach(async () => {
  place = await AgentPlace.make();
  configuration = await place.pack({
    "main.tf": `variable "greeting" {
  default = "none"
}
resource "terraform_data" "a" {
  input = var.greeting
}
`,
  });
});
afterEach(() => place[Symbol.asyncDispose]());

async function hook(name: string, script: string): Promise<void> {
  const path = place.path("hooks", name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const hooks = (more: Partial<HookConfig> = {}): HookConfig => ({
  directory: place.path("hooks"),
  limitsMs: { others: 20_000, stages: {} },
  ...more,
});

async function begun(config: Partial<AgentConfig> = {}, given: { plan?: Uint8Array } = {}) {
  const { hellos } = place.controlPlane;
  const before = hellos.length;
  const agent = place.start(`agent-${before}`, { hooks: hooks(), ...config });
  await eventually(() => hellos.length > before, "connected");
  const spec = { workspace: "net", organization: "acme", takesPolicyDenial: true };
  const job = new FakeJob({ id: `job_${before}`, runId: "run_1", configuration, spec, ...given });
  place.controlPlane.offer(job);
  return { agent, job, name: `agent-${before}` };
}

const resultOf = (job: FakeJob) => eventually(() => job.result, "the result", 60_000);

async function ended(config: Partial<AgentConfig> = {}, given: { plan?: Uint8Array } = {}) {
  const { job } = await begun(config, given);
  const result = await resultOf(job);
  return { job, result, log: job.logText };
}

const summaries = (result: Awaited<ReturnType<typeof resultOf>>) =>
  result.hooks.map(({ name, exitCode, summary }) => [name, exitCode, Buffer.from(summary).toString()]);

describeWithTerraform("what a hook says", () => {
  test("masks a value from then on: in the log, in later hooks, in a sentence, in the plan and in summaries", async () => {
    await hook(
      "pre-init.d/1",
      "echo TF_VAR_greeting=very-secret-value >> $WINDLASS_ENV; echo TF_VAR_greeting >> $WINDLASS_MASK",
    );
    await hook("post-plan.d/1", 'echo "seen $TF_VAR_greeting"; echo "# It is $TF_VAR_greeting" > $WINDLASS_SUMMARY');
    const { result, log, job } = await ended();
    expect(result, log).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
    expect(log).toContain("seen (sensitive value)");
    expect(log).toMatch(/input += "\(sensitive value\)/);
    expect(summaries(result)).toEqual([
      ["pre-init.d/1", 0, ""],
      ["post-plan.d/1", 0, "# It is (sensitive value)\n"],
    ]);
    expect(job.uploadedPlan?.summary).toContain('{"path":"input","sensitive":true}');
    expect(job.uploadedPlan?.summary).not.toContain("very-secret");
  });

  test("masks also after a restart of the agent, with the same log", async () => {
    await hook("pre-init.d/1", "echo KEY=very-secret-value >> $WINDLASS_ENV; echo KEY >> $WINDLASS_MASK; echo one");
    await hook(
      "pre-plan.d/1",
      `echo "two $KEY"; echo x >> ${place.path("count")}; while [ ! -e ${place.path("go")} ]; do sleep 0.05; done; echo "three $KEY"`,
    );
    await hook("job-exit.d/1", 'echo "four $KEY"');
    const { agent, job, name } = await begun();
    await eventually(() => place.read("count"), "the second hook runs", 60_000);
    await eventually(() => job.logText.includes("two"), "its output is there", 60_000);
    await agent[Symbol.asyncDispose]();
    await place.write("go");
    place.start(name, { hooks: hooks() });
    const result = await resultOf(job);
    expect(result, job.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(job.logText).not.toContain("very-secret");
    for (const word of ["two", "three", "four"]) expect(job.logText).toContain(`${word} (sensitive value)`);
    expect(await place.read("count")).toBe("x\n");
    expect(result.hooks.map((one) => [one.name, one.sha256.length])).toEqual([
      ["pre-init.d/1", 64],
      ["pre-plan.d/1", 64],
      ["job-exit.d/1", 64],
    ]);
  });

  test("fails its job if it masks what nobody has set", async () => {
    await hook("terraform-pre-plan", "echo TOKEN=x >> $WINDLASS_ENV; echo TOKENS > $WINDLASS_MASK");
    const { result } = await ended();
    expect(result.outcome).toBe(JobOutcome.ERRORED);
    expect(result.errorMessage).toMatch(/"TOKENS" on the list of WINDLASS_MASK/);
  });

  test("for people has a bound over the whole job, and is told of one that failed as well", async () => {
    const flood = (letter: string) => `head -c 60000 /dev/zero | tr '\\0' ${letter} > $WINDLASS_SUMMARY`;
    await hook("pre-plan.d/1", flood("a"));
    await hook("pre-plan.d/2", `${flood("b")}; exit 3`);
    await hook("job-exit.d/1", "echo more > $WINDLASS_SUMMARY");
    const { result } = await ended();
    const [first, second, last] = summaries(result);
    expect([first?.slice(0, 2), second?.slice(0, 2)]).toEqual([
      ["pre-plan.d/1", 0],
      ["pre-plan.d/2", 3],
    ]);
    expect(String(second?.[2])).toMatch(/^b{5000,5536}\n\n\(cut here: /);
    expect(last).toEqual(["job-exit.d/1", 0, ""]);
    const bytes = result.hooks.reduce((sum, { summary }) => sum + summary.length, 0);
    expect(bytes).toBeLessThanOrEqual(64 * 1024);
  });

  test("is nothing where a link lies in the place of its summary", async () => {
    await writeFile(place.path("secret"), "of the agent");
    await hook("terraform-pre-plan", `ln -s ${place.path("secret")} $WINDLASS_SUMMARY`);
    const { result } = await ended();
    expect(summaries(result)).toEqual([["terraform-pre-plan", 0, ""]]);
  });

  test("one that heeds no SIGTERM is killed 10 s later, with all that it started", async () => {
    await hook(
      "terraform-pre-plan",
      `trap 'echo asked' TERM; sleep 3600 & echo $! > ${place.path("pid")}; while :; do sleep 0.1; done`,
    );
    const { result, log } = await ended({ hooks: hooks({ limitsMs: { others: 1_000, stages: {} } }) });
    expect(result.errorMessage).toMatch(/did not end in 1 s: it was ended/);
    expect(log).toContain("asked");
    const status = await readFile(`/proc/${Number(await place.read("pid"))}/stat`, "utf8").catch(() => "gone");
    expect(status === "gone" || / [ZX] /.test(status)).toBe(true);
  });

  test("arguments for terraform count only where the operator lets hooks set them", async () => {
    await hook("terraform-pre-plan", "echo TF_CLI_ARGS_plan=-var=greeting=argued >> $WINDLASS_ENV");
    const refused = await ended();
    expect(refused.result.errorMessage).toContain('may not set "TF_CLI_ARGS_plan"');
    const { result, log } = await ended({ hooks: hooks({ maySet: ["TF_CLI_ARGS_plan"] }) });
    expect(result, log).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(log).toContain('"argued"');
  });

  describe.each(sandboxesHere)("with the sandbox %s", (sandbox) => {
    test("a stage may run outside of it: it sees the machine, and nothing that the workspace has set", async () => {
      await mkdir(place.path("hidden"));
      await writeFile(place.path("hidden", "file"), "of the machine");
      const script = [
        `echo "$WINDLASS_HOOK sees: $(cat ${place.path("hidden", "file")} 2>/dev/null)"`,
        'echo "FROM_HOOK is <$FROM_HOOK>"',
        'test -e "$WINDLASS_CONFIG_DIR/main.tf" && echo configuration is there',
        'test "$HOME" = "$PWD" && test -z "$(ls -A "$PWD")" && echo a room of its own',
        "true",
      ].join("; ");
      await hook("pre-init.d/1", `${script}; echo FROM_HOOK=hello >> $WINDLASS_ENV`);
      await hook("pre-plan.d/1", script);
      await hook("post-plan.d/1", `${script}; test -s $WINDLASS_PLAN_JSON && echo plan is there`);
      const outsideSandbox = ["pre-init", "post-plan"] as const;
      const { result, log } = await ended({ sandbox, hooks: hooks({ outsideSandbox }) });
      expect(result, log).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
      expect(log).toContain("pre-init sees: of the machine");
      expect(log).toContain("post-plan sees: of the machine");
      expect(log.includes("pre-plan sees: of the machine")).toBe(sandbox === "none");
      expect(log.match(/FROM_HOOK is <(hello)?>/g)).toEqual([
        "FROM_HOOK is <>",
        "FROM_HOOK is <hello>",
        "FROM_HOOK is <>",
      ]);
      expect(log.match(/configuration is there/g)).toHaveLength(3);
      expect(log.match(/a room of its own/g)?.length).toBeGreaterThanOrEqual(1);
      expect(log).toContain("plan is there");
    });

    test("a link that the job has put in the place of its room leads one outside nowhere", async () => {
      const target = place.path("target");
      await mkdir(target);
      await hook("pre-plan.d/1", `rm -rf $(dirname $WINDLASS_ENV); ln -s ${target} $(dirname $WINDLASS_ENV)`);
      await hook("post-plan.d/1", "echo FROM_HOOK=x > $WINDLASS_ENV; test ! -L $PWD");
      const { result, log } = await ended({ sandbox, hooks: hooks({ outsideSandbox: ["post-plan"] }) });
      expect(result, log).toMatchObject({ outcome: JobOutcome.FINISHED });
      expect(await readdir(target)).toEqual([]);
    });
  });
});
