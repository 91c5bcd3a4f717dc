import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { agentNamePattern } from "../../lib/agent-names.ts";
import { systemRandom } from "../../lib/random.ts";
import { loadIdentity } from "./identity.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-identity-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const load = (name?: string, from = directory) => loadIdentity(from, { random: systemRandom, name });

describe("who an agent is", () => {
  test("stays what it was at the first start, but for its process", async () => {
    const [first, second] = [await load(), await load()];
    expect(second).toEqual({ ...first, bootId: second.bootId });
    expect(second.bootId).not.toBe(first.bootId);
    expect(first.name).toMatch(agentNamePattern);
    expect((await readFile(join(directory, "incarnation"), "utf8")).trim()).toBe(first.incarnation);
  });

  test("is another one for another disk", async () => {
    const other = await mkdtemp(join(tmpdir(), "windlass-identity-"));
    const [first, second] = [await load(), await load(undefined, other)];
    expect([second.incarnation === first.incarnation, second.place === first.place]).toEqual([false, false]);
    await rm(other, { recursive: true });
  });

  test("has the name that it is given, and its own again once it is given none", async () => {
    const own = (await load()).name;
    expect((await load("vm-7")).name).toBe("vm-7");
    expect((await load()).name).toBe(own);
  });

  test("given a name from the start makes up none", async () => {
    await load("vm-7");
    await expect(readFile(join(directory, "name"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test.each(["", "not-a-uuid\n", "0b7f5c1e-0000-4000-8000-00000000000\n", "../../etc\n"])(
    "is a new one where %j stands on the disk: grants of the old one are over",
    async (text) => {
      await writeFile(join(directory, "incarnation"), text);
      const { incarnation } = await load();
      expect(incarnation).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect((await load()).incarnation).toBe(incarnation);
    },
  );

  test("a name on the disk that is none is made anew", async () => {
    await writeFile(join(directory, "name"), "two words\n");
    expect((await load()).name).toMatch(agentNamePattern);
  });

  test("a disk that cannot be read is an error, and no new identity", async () => {
    await mkdir(join(directory, "incarnation"));
    await expect(load()).rejects.toMatchObject({ code: "EISDIR" });
    await chmod(directory, 0o700);
  });
});
