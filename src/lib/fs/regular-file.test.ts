import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRegular } from "./regular-file.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-regular-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const at = (name: string) => join(directory, name);

describe("what somebody else may have put in the place of a file", () => {
  test("a regular file is opened", async () => {
    await writeFile(at("file"), "content");
    await using file = await openRegular(at("file"));
    expect(await file?.readFile("utf8")).toBe("content");
  });

  test("a link is not followed, wherever it leads", async () => {
    await writeFile(at("file"), "secret");
    await symlink(at("file"), at("link"));
    await symlink(at("nothing"), at("broken"));
    expect([await openRegular(at("link")), await openRegular(at("broken"))]).toEqual([undefined, undefined]);
  });

  test("a pipe is not waited for, and a directory or a device is no file", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    await mkdir(at("directory"));
    expect(await openRegular(at("pipe"))).toBeUndefined();
    expect(await openRegular(at("directory"))).toBeUndefined();
    expect(await openRegular("/dev/null")).toBeUndefined();
  });

  test("a socket is no file", async () => {
    const server = createServer().listen(at("socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await openRegular(at("socket"))).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
  });

  test("what is not there is an error", async () => {
    await expect(openRegular(at("nothing"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
