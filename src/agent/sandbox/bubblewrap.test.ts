import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bwrapHere, describeWithSandbox } from "../../../test/support/agent/sandbox-here.ts";
import { systemClock } from "../../lib/clock.ts";
import { adoptStep, type Step, startStep } from "../steps/step-process.ts";
import { bubblewrapArgv, searchedDirectories } from "./bubblewrap.ts";
import { chooseSandbox } from "./choose-sandbox.ts";

let dir = "";
const steps: Step[] = [];
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "windlass-bwrap-")));
  await mkdir(join(dir, "work", "config"), { recursive: true });
});
afterEach(async () => {
  for (const step of steps.splice(0)) await step.forceStop();
  await rm(dir, { recursive: true, force: true });
});

const place = "/tmp/windlass-work/run_1";
const log = () => readFile(join(dir, "log"), "utf8");
const logged = (text: string) =>
  vi.waitFor(async () => expect(await log()).toContain(text), { timeout: 10_000, interval: 10 });

function command(script: string, readable: readonly string[] = []) {
  const argv = ["/bin/sh", "-c", script];
  const work = join(dir, "work");
  return {
    argv: bubblewrapArgv(bwrapHere, { argv, work, place, cwd: join(place, "config"), readable }),
    cwd: work,
    isSandboxed: true,
    dir: join(dir, "step"),
    env: { PATH: "/usr/bin:/bin", GREETING: "hello" },
    logFile: join(dir, "log"),
  };
}

async function start(script: string, readable?: readonly string[]): Promise<Step> {
  const started = await startStep(command(script, readable), systemClock);
  if (started.kind !== "started") throw new Error(started.why);
  steps.push(started.step);
  return started.step;
}

/** Processes anywhere on the machine that were called with a text. */
async function processesWith(text: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text));
}

describeWithSandbox("a program in the sandbox", () => {
  test("has its work at the same path as everywhere, and what it writes there stays", async () => {
    const step = await start('pwd; echo "$PWD"; echo "$GREETING" > said; echo done');
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 0 });
    expect(await log()).toBe(`${place}/config\n${place}/config\ndone\n`);
    expect(await readFile(join(dir, "work/config/said"), "utf8")).toBe("hello\n");
  });

  test("sees nothing of this machine but the system, and can change nothing of that", async () => {
    await writeFile(join(dir, "secret"), "s3cr3t");
    const script = [
      `cat ${join(dir, "secret")}`,
      `ls -A /tmp /tmp/windlass-work ${dir} /root /home /work`,
      "ls -d /proc/[0-9]*",
      "touch /x /usr/x /etc/x",
      "echo > /tmp/own && echo own temporary directory",
    ].join("; ");
    await (await start(script)).waitForExit();
    const text = await log();
    expect(text).not.toContain("s3cr3t");
    expect(text).toContain("/tmp/windlass-work:\nrun_1\n");
    expect(text.match(/^\/proc\/\d+$/gm)?.length).toBeLessThan(4);
    for (const path of ["/x", "/usr/x", "/etc/x"]) expect(text).toMatch(new RegExp(`'${path}': Read-only`));
    expect(text).toContain("own temporary directory");
  });

  test("cannot make user namespaces, fill the memory with files, or grow without end", async () => {
    const script = [
      "unshare --user true 2>&1 | head -c 60; echo",
      "df -k --output=size,target /tmp /dev/shm",
      "touch /dev/x 2>&1; echo > /dev/null && echo > /dev/shm/x && echo devices work",
      "echo files $(ulimit -n) cores $(ulimit -c) processes $(ulimit -p 2>/dev/null || ulimit -u)",
    ].join("; ");
    await (await start(script)).waitForExit();
    const text = await log();
    if (bwrapHere.extras.includes("--disable-userns"))
      expect(text).toMatch(/^unshare: .*(No space|not permitted|failed)/);
    if (bwrapHere.extras.includes("--size")) {
      expect(text).toMatch(/^ *1048576 \/tmp$/m);
      expect(text).toMatch(/^ *1048576 \/dev\/shm$/m);
    }
    expect(text).toMatch(/'\/dev\/x': Read-only/);
    expect(text).toContain("devices work\n");
    const [, files, processes] = /files (\d+) cores 0 processes (\d+)$/m.exec(text) ?? [];
    expect(Number(files)).toBeLessThanOrEqual(65_536);
    if (bwrapHere.extras.includes("/usr/bin/prlimit")) expect(Number(processes)).toBeLessThanOrEqual(8_192);
  });

  test("is used as it is where it lacks what newer ones have", async () => {
    const older = join(dir, "bwrap");
    const refuses = "*--disable-userns*|*--size*) exit 1";
    await writeFile(
      older,
      `#!/bin/sh\ncase "$*" in --help) exit 0;; ${refuses};; *) exec ${bwrapHere.program} "$@";; esac\n`,
    );
    await chmod(older, 0o755);
    const chosen = await chooseSandbox("bwrap", dir);
    expect(chosen).toMatchObject({ kind: "chosen", sandbox: { program: older } });
    const extras = chosen.kind === "chosen" && chosen.sandbox.kind === "bwrap" ? chosen.sandbox.extras : undefined;
    expect(extras).toEqual(bwrapHere.extras.filter((extra) => !extra.startsWith("--")));
    expect(chosen.why).toContain("without --disable-userns, --size");
  });

  test("may read what the operator shows to it", async () => {
    await mkdir(join(dir, "mirror"));
    await writeFile(join(dir, "mirror/provider"), "a provider");
    const step = await start(`cat ${dir}/mirror/provider; touch ${dir}/mirror/x || echo refused`, [
      join(dir, "mirror"),
    ]);
    await step.waitForExit();
    expect(await log()).toMatch(/^a provider.*refused\n$/s);
  });

  test.each([
    ["exit 3", { kind: "exited", code: 3 }],
    ["kill -9 $$; sleep 5", { kind: "exited", code: 0 }],
  ])("%j ends as it would outside, except that it cannot end itself by force", async (script, outcome) => {
    expect(await (await start(script.replace("sleep 5", "true"))).waitForExit()).toEqual(outcome);
  });

  test("gets SIGINT itself, once, and not its children", async () => {
    const step = await start("trap 'echo got it; exit 7' INT; echo ready; while :; do sleep 0.05; done");
    await logged("ready");
    expect(await Promise.all([step.interrupt(), step.interrupt()])).toEqual(
      expect.arrayContaining(["sent", "already-sent"]),
    );
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 7 });
    expect((await log()).match(/got it/g)).toHaveLength(1);
    expect(await step.interrupt()).toBe("not-running");
  });

  test("is not interrupted before it can notice it", async () => {
    const late =
      "select(undef, undef, undef, 0.4); $SIG{INT} = sub { exit 7 }; select(undef, undef, undef, 0.05) while 1";
    const step = await start(`exec perl -e '${late}'`);
    expect(await step.interrupt()).toBe("sent");
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 7 });
  });

  test("takes everything with it that it has started, when it ends and when it is ended by force", async () => {
    const mark = `sleep 77.${process.pid}`;
    const step = await start(`setsid ${mark} & ${mark} & echo ready; while [ ! -e end ]; do sleep 0.02; done`);
    await logged("ready");
    await vi.waitFor(async () => expect(await processesWith(mark.replace(" ", "\0"))).toHaveLength(2), 5_000);
    await writeFile(join(dir, "work/config/end"), "");
    expect(await step.waitForExit()).toEqual({ kind: "exited", code: 0 });
    expect(await processesWith(mark.replace(" ", "\0"))).toEqual([]);
    await rm(join(dir, "step"), { recursive: true });
    await rm(join(dir, "work/config/end"));
    const second = await start(`setsid ${mark} & echo again; trap '' INT TERM; while :; do sleep 0.02; done`);
    await logged("again");
    expect(await second.forceStop()).toBe("sent");
    expect(await second.waitForExit()).toEqual({ kind: "signaled", signal: "SIGKILL" });
    expect(await processesWith(mark.replace(" ", "\0"))).toEqual([]);
  });

  test("goes on when its agent is killed, and another process adopts and interrupts it", async () => {
    const script = "trap 'echo got it; exit 7' INT; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done";
    const agent = `
      import { startStep } from ${JSON.stringify(join(import.meta.dirname, "../steps/step-process.ts"))};
      import { systemClock } from ${JSON.stringify(join(import.meta.dirname, "../../lib/clock.ts"))};
      await startStep(${JSON.stringify(command(script))}, systemClock);
      console.log("started");
      setInterval(() => {}, 1000);
    `;
    const first = spawn(process.execPath, ["--input-type=module", "-e", agent], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(first.stdout, "data");
    await logged("line 3");
    first.kill("SIGKILL");
    await once(first, "close");
    const adopted = await adoptStep(join(dir, "step"), systemClock);
    if (adopted.kind !== "running") throw new Error(`expected a running step, got ${JSON.stringify(adopted)}`);
    steps.push(adopted.step);
    const before = (await log()).length;
    await vi.waitFor(async () => expect((await log()).length).toBeGreaterThan(before + 20), 5_000);
    expect(await adopted.step.interrupt()).toBe("sent");
    expect(await adopted.step.waitForExit()).toEqual({ kind: "exited", code: 7 });
    expect(await log()).toMatch(/got it\n$/);
  });

  test("cannot make the agent signal another process", async () => {
    const victim = spawn("sleep", ["60"]);
    const step = await start("trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done");
    await logged("ready");
    const report = join(dir, "step/inside");
    const honest = await readFile(report, "utf8");
    await writeFile(report, honest.replace(/"child-pid": \d+/, `"child-pid": ${victim.pid}`));
    const interrupting = step.interrupt();
    await vi.waitFor(async () => expect(await step.pid()).toBeUndefined(), 2_000);
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    await writeFile(report, honest);
    expect(await interrupting).toBe("sent");
    expect(victim.exitCode ?? victim.signalCode).toBeNull();
    victim.kill("SIGKILL");
    await once(victim, "close");
  });
});

test("directories of the search path are shown, but none that leads to what is hidden", async () => {
  for (const name of ["bin", "data/bin"]) await mkdir(join(dir, name), { recursive: true });
  // Whatever cannot be looked at is passed over: here a link to itself, elsewhere a directory of somebody else.
  await symlink("loop", join(dir, "loop"));
  const searchPath = [
    "/usr/bin",
    "relative",
    join(dir, "bin"),
    join(dir, "data/bin"),
    dir,
    "/",
    join(dir, "absent"),
    join(dir, "loop"),
  ].join(":");
  expect(searchedDirectories(searchPath, [join(dir, "data")])).toEqual([join(dir, "bin")]);
});
