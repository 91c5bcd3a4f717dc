import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { describeWithTerraform, sandbox, terraformPath } from "../../../test/support/terraform.ts";
import { systemClock } from "../../lib/clock.ts";
import { makePrivate } from "../../lib/fs/umask.ts";
import { applyArgv } from "../../terraform/engines/argv.ts";
import { walkOfApply } from "../../terraform/engines/early-interrupt.ts";
import type { InterruptHold } from "./interrupt-hold.ts";
import { isAlive } from "./process-identity.ts";
import { adoptStep, type Step, startStep } from "./step-process.ts";

let dir = "";
const steps: Step[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-step-"));
});
afterEach(async () => {
  for (const step of steps.splice(0)) await step.forceStop();
  await rm(dir, { recursive: true, force: true });
});

const stepDir = () => join(dir, "step");
const log = () => readFile(join(dir, "log"), "utf8");
const command = (...argv: string[]) => ({
  dir: stepDir(),
  argv,
  env: { GREETING: "hello" },
  cwd: dir,
  logFile: join(dir, "log"),
});

const start = (script: string): Promise<Step> => startHeld(script, undefined);

async function startHeld(script: string, hold: InterruptHold | undefined): Promise<Step> {
  const started = await startStep({ ...command("/bin/sh", "-c", script, "x"), hold }, systemClock);
  if (started.kind !== "started") throw new Error(started.why);
  steps.push(started.step);
  return started.step;
}

const logged = (text: string) =>
  vi.waitFor(async () => expect(await log()).toContain(text), { timeout: 5000, interval: 5 });
const exists = (name: string) =>
  stat(join(dir, name)).then(
    () => true,
    () => false,
  );

describe("a step", () => {
  test.each([
    ["exit 0", { kind: "exited", code: 0 }],
    ["exit 2", { kind: "exited", code: 2 }],
    ["kill -9 $$", { kind: "signaled", signal: "SIGKILL" }],
    ["kill -PIPE $$", { kind: "signaled", signal: "SIGPIPE" }],
  ])("that ends with %j tells so, again and again", async (script, outcome) => {
    const step = await start(script);
    expect(await step.waitForExit()).toEqual(outcome);
    expect(await step.waitForExit()).toEqual(outcome);
    expect(await adoptStep(stepDir(), systemClock)).toEqual(outcome);
    expect(await step.interrupt()).toBe("not-running");
  });

  test("gets its arguments, environment, directory and nothing on stdin; its output stays whole", async () => {
    const script =
      'echo "$# $1 $2"; pwd; env | sort | grep -v -E "^(PWD|OLDPWD|SHLVL|_|TFC_STEP_MARK)="; cat; echo oops >&2; seq 1 50000';
    const started = await startStep(
      {
        ...command("/bin/sh", "-c", script, "x", "a b", "$c'\"\n"),
        env: { GREETING: "hello", PATH: "/usr/bin:/bin" },
      },
      systemClock,
    );
    if (started.kind !== "started") throw new Error(started.why);
    expect(await started.step.waitForExit()).toEqual({ kind: "exited", code: 0 });
    const numbers = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("");
    expect(await log()).toBe(`2 a b $c'"\n\n${dir}\nGREETING=hello\nPATH=/usr/bin:/bin\noops\n${numbers}`);
    expect((await stat(join(dir, "log"))).mode & 0o777).toBe(0o600);
  });

  test("that cannot be started is refused with the reason; a program that is missing exits with 127", async () => {
    const refused = await startStep({ ...command("/bin/true"), cwd: join(dir, "missing") }, systemClock);
    expect(refused).toMatchObject({ kind: "refused", why: expect.stringContaining("ENOENT") });
    expect(await adoptStep(stepDir(), systemClock)).toEqual({ kind: "never-started" });
    const tooLong = await startStep(
      {
        ...command("/bin/true"),
        dir: join(dir, "other"),
        env: { BIG: "x".repeat(200_000) },
      },
      systemClock,
    );
    expect(tooLong).toMatchObject({ kind: "refused", why: expect.stringContaining("E2BIG") });
    const missing = await startStep({ ...command("/nonexistent/terraform"), dir: join(dir, "third") }, systemClock);
    expect(missing.kind === "started" && (await missing.step.waitForExit())).toEqual({ kind: "exited", code: 127 });
  });

  test("has the mask of files that its agent was started with, and leaves no core dump", async () => {
    const before = process.umask(0o027);
    try {
      makePrivate();
      const step = await start("umask; ulimit -c; echo > made");
      expect(await step.waitForExit()).toEqual({ kind: "exited", code: 0 });
      expect(await log()).toBe("0027\n0\n");
      expect((await stat(join(dir, "made"))).mode & 0o777).toBe(0o640);
      await writeFile(join(dir, "own"), "");
      expect((await stat(join(dir, "own"))).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
  });

  test("is started once in its directory", async () => {
    const step = await start("echo once");
    await step.waitForExit();
    await expect(startStep(command("/bin/echo", "twice"), systemClock)).rejects.toThrow(/EEXIST/);
    expect(await log()).toBe("once\n");
    expect(await adoptStep(join(dir, "never"), systemClock)).toEqual({ kind: "never-started" });
  });

  test("whose shell was not started before the agent ended was never started; one that just begins is waited for", async () => {
    const step = await start("sleep 60");
    await vi.waitFor(async () => expect(await step.pid()).toBeGreaterThan(0));
    const identity = await readFile(join(stepDir(), "wrapper"));
    await writeFile(join(stepDir(), "wrapper"), "");
    const adopting = adoptStep(stepDir(), systemClock);
    await writeFile(join(stepDir(), "wrapper"), identity);
    expect(await adopting).toMatchObject({ kind: "running" });
    await step.forceStop();
    for (const name of ["wrapper", "pid", "status", "forced"]) await rm(join(stepDir(), name), { force: true });
    await rm(join(stepDir(), "claim"));
    for (const _agent of ["one", "the next"])
      expect(await adoptStep(stepDir(), systemClock)).toEqual({ kind: "never-started" });
  });

  test("that was given up before its shell has begun never runs, however late the shell is", async () => {
    await mkdir(stepDir());
    await writeFile(join(stepDir(), "claim"), "");
    const spawned = await startStep(command("/bin/sh", "-c", "echo ran"), systemClock);
    if (spawned.kind !== "started") throw new Error(spawned.why);
    expect(await spawned.step.waitForExit()).toMatchObject({ kind: "lost" });
    expect(await log()).toBe("");
  });

  test("whose agent ended while it wrote down the start was never started, whatever is left of that", async () => {
    const step = await start("exit 0");
    await step.waitForExit();
    for (const name of ["wrapper", "pid", "status"]) await writeFile(join(stepDir(), name), "");
    for (const written of ["", '{"bootId":"', '{"bootId":"4f']) {
      await writeFile(join(stepDir(), "start.json"), written);
      expect(await adoptStep(stepDir(), systemClock)).toEqual({ kind: "never-started" });
    }
  });

  test("that waits is left by an abort", async () => {
    const step = await start("echo begun; sleep 60");
    await logged("begun");
    const abort = new AbortController();
    const waiting = step.waitForExit(abort.signal);
    abort.abort(new Error("stopping"));
    await expect(waiting).rejects.toThrow("stopping");
    expect(await adoptStep(stepDir(), systemClock)).toMatchObject({ kind: "running" });
  });
});

describe("an interrupt", () => {
  const patient = `n=0; trap 'n=$((n+1)); echo "INT $n"' INT; echo ready; while [ ! -e end ]; do sleep 0.02; done; echo "got $n"; exit 3`;

  test("reaches the program once, also when another process of the agent asks again", async () => {
    const step = await start(patient);
    await logged("ready");
    expect(await step.interrupt()).toBe("sent");
    await logged("INT 1");
    expect(await step.interrupt()).toBe("already-sent");
    const adopted = await adoptStep(stepDir(), systemClock);
    expect(adopted.kind === "running" && (await adopted.step.interrupt())).toBe("already-sent");
    await writeFile(join(dir, "end"), "");
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 3 });
    expect(await log()).toBe("ready\nINT 1\ngot 1\n");
  });

  test("comes a second time where the step is ended by force, and no third time", async () => {
    const step = await start(patient);
    await logged("ready");
    expect(await step.interrupt()).toBe("sent");
    await logged("INT 1");
    expect(await step.interruptAgain()).toBe("sent");
    await logged("INT 2");
    expect(await step.interruptAgain()).toBe("already-sent");
    await writeFile(join(dir, "end"), "");
    await step.waitForExit();
    expect(await step.interruptAgain()).toBe("not-running");
  });

  test("right after the start ends the step, or finds it ended", async () => {
    const step = await start("exec sleep 60");
    expect(await step.interrupt()).toBe("sent");
    expect(await step.waitForExit()).toEqual({ kind: "signaled", signal: "SIGINT" });
  });

  test("is never sent to a process that only has the same pid", async () => {
    const step = await start("echo ready; sleep 60");
    await logged("ready");
    const text = await readFile(join(stepDir(), "pid"), "utf8");
    const fields = text.trim().split(" ");
    fields[21] = String(Number(fields[21]) - 1);
    await writeFile(join(stepDir(), "pid"), `${fields.join(" ")}\n`);
    expect(await step.interrupt()).toBe("not-running");
    expect(await exists("step/interrupted")).toBe(false);
    await writeFile(join(stepDir(), "pid"), text);
    expect(await step.interrupt()).toBe("sent");
  });
});

describe("an interrupt that would be forgotten", () => {
  const hold = { until: "walks [0-9]", atMostMs: 60_000 };
  const waits = "echo ready; while [ ! -e go ]; do sleep 0.02; done";
  const heeds = `trap 'echo INT; exit 4' INT`;
  const goesOn = "while :; do sleep 0.02; done";
  const isSent = () => exists("step/interrupted");

  test("is held back until the output says so, whoever asks, and sent once", async () => {
    const step = await startHeld(`trap '' INT; ${waits}; ${heeds}; echo "it walks 1"; ${goesOn}`, hold);
    await logged("ready");
    const adopted = await adoptStep(stepDir(), systemClock);
    if (adopted.kind !== "running") throw new Error(`expected a running step, got ${adopted.kind}`);
    const asked = [step.interrupt(), adopted.step.interrupt()];
    await expect(Promise.race([...asked, systemClock.sleep(200)])).resolves.toBeUndefined();
    expect(await isSent()).toBe(false);
    await writeFile(join(dir, "go"), "");
    expect((await Promise.all(asked)).sort()).toEqual(["already-sent", "sent"]);
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 4 });
    expect((await log()).match(/INT/g)).toHaveLength(1);
  });

  test("is sent once the step is old enough, though it says nothing", async () => {
    const step = await startHeld(`${heeds}; echo ready; ${goesOn}`, { ...hold, atMostMs: 700 });
    await logged("ready");
    const { mtimeMs } = await stat(join(stepDir(), "start.json"));
    expect(await step.interrupt()).toBe("sent");
    expect((await stat(join(stepDir(), "interrupted"))).mtimeMs - mtimeMs).toBeGreaterThanOrEqual(690);
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 4 });
  });

  test("is not sent to a step that ends meanwhile, or when it is given up", async () => {
    const step = await startHeld(waits, hold);
    await logged("ready");
    const stopping = new AbortController();
    const givenUp = step.interrupt(stopping.signal);
    const waiting = step.interrupt();
    stopping.abort(new Error("the agent stops"));
    await expect(givenUp).rejects.toThrow("the agent stops");
    await writeFile(join(dir, "go"), "");
    expect(await waiting).toBe("not-running");
    expect(await isSent()).toBe(false);
  });
});

describeWithTerraform("an interrupted apply", () => {
  test("saves what is done and exits with 1", async () => {
    const block = (name: string, body: string) => `resource "terraform_data" "${name}" {\n  ${body}\n}\n`;
    const slow = block(
      "slow",
      'depends_on = [terraform_data.done]\n  provisioner "local-exec" {\n    command = "echo begun; exec sleep 60"\n  }',
    );
    await using box = await sandbox({ "main.tf": block("done", "input = 1") + slow });
    await box.terraform("plan", "-out=p");
    const apply = { ...command(terraformPath, ...applyArgv({ plan: "p" })), cwd: box.dir, env: box.environment };
    const started = await startStep(apply, systemClock);
    if (started.kind !== "started") throw new Error(started.why);
    steps.push(started.step);
    await logged('"output":"begun"');
    expect(await started.step.interrupt()).toBe("sent");
    expect(await started.step.waitForExit()).toEqual({ kind: "exited", code: 1 });
    expect((await log()).split("Interrupt received")).toHaveLength(2);
    expect(await readFile(box.path("terraform.tfstate"), "utf8")).toContain('"name": "done"');
  });

  test("does not go on to its end, however early the interrupt was asked for", async () => {
    await using box = await sandbox({ "main.tf": twoInARow });
    await box.terraform("plan", "-out=p");
    for (const delayMs of [0, 20, 40, 50, 55, 60, 65, 70, 80, 100]) {
      const argv = applyArgv({ plan: "p", state: box.path(`after-${delayMs}.tfstate`) });
      const apply = { ...command(terraformPath, ...argv), cwd: box.dir, env: box.environment, hold: walkOfApply };
      const place = { dir: join(dir, `step-${delayMs}`), logFile: join(dir, `log-${delayMs}`) };
      const started = await startStep({ ...apply, ...place }, systemClock);
      if (started.kind !== "started") throw new Error(started.why);
      steps.push(started.step);
      await systemClock.sleep(delayMs);
      expect(await started.step.interrupt()).toBe("sent");
      expect(await started.step.waitForExit()).toEqual({ kind: "exited", code: 1 });
      const printed = await readFile(place.logFile, "utf8");
      expect(printed.match(/Interrupt received/g)).toHaveLength(1);
      expect(printed).not.toContain("terraform_data.second: Creating...");
    }
  });
});

/** A second resource that is not begun before the first is there. */
const twoInARow = `
resource "terraform_data" "first" {
  provisioner "local-exec" {
    command = "sleep 1"
  }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
}
`;

describe("a forced stop", () => {
  test("ends the whole group and is seen at once by who waits", async () => {
    const step = await start(`trap '' INT TERM; sleep 60 & echo "child $!"; while :; do sleep 1; done`);
    await logged("child");
    const child = Number(/child (\d+)/.exec(await log())?.[1]);
    const waiting = step.waitForExit();
    expect(await step.forceStop()).toBe("sent");
    expect(await waiting).toEqual({ kind: "signaled", signal: "SIGKILL" });
    await vi.waitFor(async () => expect(await isAlive({ pid: child, startTicks: undefined })).toBe(false), 5000);
    expect(await step.forceStop()).toBe("not-running");
    expect(await adoptStep(stepDir(), systemClock)).toEqual({ kind: "signaled", signal: "SIGKILL" });
  });

  test("also ends what a program left behind in its group", async () => {
    const step = await start('sleep 60 & echo "child $!"');
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 0 });
    expect(await step.forceStop()).toBe("sent");
    const child = Number(/child (\d+)/.exec(await log())?.[1]);
    await vi.waitFor(
      async () => expect(await readFile(`/proc/${child}/stat`, "utf8").catch(() => ") Z")).toMatch(/\) Z/),
      5000,
    );
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 0 });
  });
});

describe("without its agent", () => {
  const agent = (script: string) => `
    import { startStep } from ${JSON.stringify(join(import.meta.dirname, "./step-process.ts"))};
    import { systemClock } from ${JSON.stringify(join(import.meta.dirname, "../../lib/clock.ts"))};
    await startStep(${JSON.stringify(command("/bin/sh", "-c", script))}, systemClock);
    console.log("started");
    setInterval(() => {}, 1000);
  `;

  test("a step goes on when the agent is killed, and another process adopts it", async () => {
    const script = "i=0; while [ ! -e end ]; do i=$((i+1)); echo line $i; sleep 0.01; done; exit 5";
    const first = spawn(process.execPath, ["--input-type=module", "-e", agent(script)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(first.stdout, "data");
    await logged("line 3");
    first.kill("SIGKILL");
    await once(first, "close");
    const adopted = await adoptStep(stepDir(), systemClock);
    if (adopted.kind !== "running") throw new Error(`expected a running step, got ${JSON.stringify(adopted)}`);
    steps.push(adopted.step);
    const before = (await log()).length;
    await vi.waitFor(async () => expect((await log()).length).toBeGreaterThan(before + 20), 5000);
    const waiting = adopted.step.waitForExit();
    await writeFile(join(dir, "end"), "");
    expect(await waiting).toEqual({ kind: "exited", code: 5 });
    const lines = (await log()).trim().split("\n");
    expect(lines).toEqual(lines.map((_, i) => `line ${i + 1}`));
  });

  test("a step whose shell was killed runs on, and is lost only when the program has ended", async () => {
    const step = await start("echo ready; while [ ! -e end ]; do sleep 0.02; done");
    await logged("ready");
    process.kill(Number.parseInt(await readFile(join(stepDir(), "wrapper"), "utf8"), 10), "SIGKILL");
    expect(await adoptStep(stepDir(), systemClock)).toMatchObject({ kind: "running" });
    await writeFile(join(dir, "end"), "");
    expect(await step.waitForExit()).toMatchObject({ kind: "lost" });
    expect(await adoptStep(stepDir(), systemClock)).toMatchObject({ kind: "lost" });
  });

  test("after a restart of the machine nothing runs, whatever has its pid", async () => {
    const step = await start("echo ready; sleep 60");
    await logged("ready");
    await writeFile(join(stepDir(), "start.json"), JSON.stringify({ bootId: "another" }));
    expect(await adoptStep(stepDir(), systemClock)).toEqual({ kind: "lost", why: "the machine was restarted" });
    expect(await step.forceStop()).toBe("sent");
  });
});
