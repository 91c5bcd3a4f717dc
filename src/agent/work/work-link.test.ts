import { chmod, lstat, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { placeWorkLink, removeWorkLink } from "./work-link.ts";

describe("the link to a run's work", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-link-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const root = () => join(dir, "work");

  test("lies in a directory that all may use and nobody may take over", async () => {
    const link = await placeWorkLink(root(), "run_1", "/one");
    expect(link.path).toBe(join(root(), "run_1"));
    expect((await lstat(root())).mode & 0o7777).toBe(0o1777);
    expect(await readlink(link.path)).toBe("/one");
  });

  test("takes the place of an older one, whose owner then leaves it alone", async () => {
    const old = await placeWorkLink(root(), "run_1", "/one");
    const fresh = await placeWorkLink(root(), "run_1", "/two");
    await removeWorkLink(old);
    expect(await readlink(fresh.path)).toBe("/two");
    await removeWorkLink(fresh);
    await expect(readlink(fresh.path)).rejects.toThrow("ENOENT");
  });

  test("goes with what an agent left that ended while it placed it", async () => {
    const link = await placeWorkLink(root(), "run_1", "/one");
    await symlink("/one", `${link.path}.4711`);
    await symlink("/two", `${link.path}.4712`);
    await removeWorkLink(link);
    expect(await readdir(root())).toEqual(["run_1.4712"]);
  });

  test("is refused where something else lies", async () => {
    await mkdir(join(root(), "run_1"), { recursive: true });
    await expect(placeWorkLink(root(), "run_1", "/one")).rejects.toThrow("it is not a link that an agent made");
  });

  test("is refused in a directory where others could replace it, or that is none", async () => {
    await mkdir(root());
    await chmod(root(), 0o777);
    await expect(placeWorkLink(root(), "run_1", "/one")).rejects.toThrow("no sticky bit");
    await writeFile(join(dir, "file"), "");
    await expect(placeWorkLink(join(dir, "file"), "run_1", "/one")).rejects.toThrow("it is not a directory");
  });
});
