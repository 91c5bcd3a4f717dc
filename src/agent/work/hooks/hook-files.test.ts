import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findHooks } from "./hook-files.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-hooks-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function hook(name: string, mode = 0o755): Promise<string> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, mode);
  return path;
}

describe("the hooks of a directory", () => {
  test("are none where there is no directory", async () => {
    expect(await findHooks(join(dir, "absent"))).toEqual({ hooks: [], problems: [] });
  });

  test("come stage by stage, in the order of their bytes; behind a phase from the last to the first", async () => {
    for (const name of ["pre-plan.d/10-b", "pre-plan.d/9-a", "pre-plan.d/.gitkeep", "post-plan.d/1", "post-plan.d/2"])
      await hook(name);
    for (const name of ["terraform-pre-plan", "terraform-post-plan", "pre-init.d/x", "job-exit.d/x"]) await hook(name);
    const { hooks, problems } = await findHooks(dir);
    expect(problems).toEqual([]);
    expect(hooks.map(({ name }) => name)).toEqual([
      ...["pre-init.d/x", "terraform-pre-plan", "pre-plan.d/10-b", "pre-plan.d/9-a"],
      ...["post-plan.d/2", "post-plan.d/1", "terraform-post-plan", "job-exit.d/x"],
    ]);
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ["a symbolic link", async () => symlink("/bin/true", join(dir, "terraform-pre-plan")), /symbolic link/],
    ["a file that others may write to", () => hook("terraform-pre-plan", 0o777), /written by others/],
    ["a file that its group may write to", () => hook("pre-plan.d/a", 0o775), /written by others/],
    ["a file that is not executable", () => hook("terraform-pre-plan", 0o644), /not executable/],
    ["a directory", () => mkdir(join(dir, "terraform-pre-plan")), /no file/],
    ["a name with a blank", () => hook("pre-plan.d/a b"), /no name of a hook/],
    ["a misspelt file", () => hook("terraform-preplan"), /name of no hook/],
    ["a misspelt directory", () => mkdir(join(dir, "pre-plans.d")), /name of no hook/],
    [
      "a directory that others may write to",
      async () => hook("pre-plan.d/a").then((path) => chmod(dirname(path), 0o777)),
      /written by others/,
    ],
    [
      "a directory above that others may write to",
      async () => hook("pre-plan.d/a").then(() => chmod(dir, 0o777)),
      /written by others/,
    ],
  ])("may not run: %s", async (_, make, why) => {
    await make();
    const { problems } = await findHooks(dir);
    expect(problems.join("\n")).toMatch(why);
  });

  test.runIf(process.getuid?.() === 0)("may not run: one of another user than the agent's", async () => {
    const path = await hook("terraform-pre-plan");
    const { chown } = await import("node:fs/promises");
    await chown(path, 12_345, 12_345);
    expect((await findHooks(dir)).problems).toEqual([`the owner of ${path} is neither root nor the agent's user`]);
  });
});
