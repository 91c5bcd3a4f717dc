import { mkdtemp, readFile, rm, rmdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { endLeftBehind, type LeftProcess, makeGroup } from "./left-behind.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { readStart } from "./step-files.ts";
import { adoptStep, startStep } from "./step-process.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-left-"));
});
afterEach(async () => {
  for (const name of ["one", "two"]) await leftBehind(name);
  await rm(dir, { recursive: true, force: true });
});

/** What a step has left, ended and tidied. */
async function leftBehind(name: string): Promise<readonly LeftProcess[]> {
  const { ended, tidied } = await endLeftBehind(join(dir, name), systemClock);
  await tidied;
  return ended;
}

/** Its process has a session of its own, no output, and another name for the file of its pid. */
const leave =
  'setsid sh -c "echo \\$\\$ >$0.pid; exec sleep 300" "$0" >/dev/null 2>&1 </dev/null & while [ ! -s "$0.pid" ]; do sleep 0.02; done';

interface Leaving {
  readonly script?: string;
  readonly mayGroup: boolean;
}

/** A step that has ended; answers what it left. */
async function over(name: string, { script = leave, mayGroup }: Leaving): Promise<ProcessIdentity> {
  const argv = ["/bin/sh", "-c", script, join(dir, name)];
  const common = { cwd: dir, env: { PATH: "/usr/bin:/bin" }, logFile: join(dir, "log"), mayGroup };
  const started = await startStep({ dir: join(dir, name), argv, ...common }, systemClock);
  if (started.kind !== "started") throw new Error(started.why);
  expect(await started.step.waitForExit()).toEqual({ kind: "exited", code: 0 });
  await started.step.forceStop();
  return identify(Number(await readFile(join(dir, `${name}.pid`), "utf8")));
}

async function canGroup(): Promise<boolean> {
  const made = await makeGroup(join(dir, "probe"));
  if (made !== undefined) await rmdir(made);
  return made !== undefined;
}

describe.each([true, false])("with control groups: %j", (mayGroup) => {
  test("a process in a session of its own outlives the group of its step, and is ended; that of another step is not", async ({
    skip,
  }) => {
    if (mayGroup && !(await canGroup())) skip("no control group can be made here");
    const mine = await over("one", { mayGroup });
    const other = await over("two", { mayGroup });
    expect([await isAlive(mine), await isAlive(other)]).toEqual([true, true]);
    expect(await leftBehind("one")).toEqual([{ pid: mine.pid, name: "sleep" }]);
    expect([await isAlive(mine), await isAlive(other)]).toEqual([false, true]);
    expect(await leftBehind("one")).toEqual([]);
    const { group } = (await readStart(join(dir, "one"))) ?? {};
    expect(group !== undefined).toBe(mayGroup);
    if (group !== undefined) await expect(stat(group)).rejects.toThrow("ENOENT");
  });

  test("what goes on making others is ended too", async ({ skip }) => {
    if (mayGroup && !(await canGroup())) skip("no control group can be made here");
    const breeding = leave.replace("exec sleep 300", "while :; do sleep 0.01 & sleep 0.01; done");
    const mine = await over("one", { script: breeding, mayGroup });
    const ended = await leftBehind("one");
    expect(ended).toContainEqual({ pid: mine.pid, name: "sh" });
    expect(await isAlive(mine)).toBe(false);
  });

  test("a step that ended while no agent looked left it just the same", async ({ skip }) => {
    if (mayGroup && !(await canGroup())) skip("no control group can be made here");
    const mine = await over("one", { mayGroup });
    expect(await adoptStep(join(dir, "one"), systemClock)).toEqual({ kind: "exited", code: 0 });
    expect(await leftBehind("one")).toHaveLength(1);
    expect(await isAlive(mine)).toBe(false);
  });
});

test("with a control group it ends also what has cleared its environment", async ({ skip }) => {
  if (!(await canGroup())) skip("no control group can be made here");
  const mine = await over("one", { script: leave.replace("setsid sh", "setsid env -i PATH=$PATH sh"), mayGroup: true });
  expect(await leftBehind("one")).toHaveLength(1);
  expect(await isAlive(mine)).toBe(false);
});

test("a step that was never started has left nothing", async () => {
  expect(await leftBehind("never")).toEqual([]);
});
