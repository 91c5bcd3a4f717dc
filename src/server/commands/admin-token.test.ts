import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl } from "../../../test/support/control.ts";
import { authenticate } from "../../control/authentication.ts";
import { systemClock } from "../../lib/clock.ts";
import { openStore } from "../../store/open.ts";
import { commandCall, serveOnce, temporaryDirectory } from "../testing.ts";
import { adminTokenCommand } from "./admin-token.ts";

let held: AsyncDisposableStack;
let dataDir: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dataDir = join(await temporaryDirectory(held), "data");
});
afterEach(() => held.disposeAsync());

async function run(own: Readonly<Record<string, string>> = {}, flags: Readonly<Record<string, string>> = {}) {
  const { call, said, noted } = commandCall({ "data-dir": dataDir, ...flags }, { own });
  const code = await adminTokenCommand.run(call);
  return { code, said: said.join(""), noted: noted.join("") };
}
const rotate = { rotate: "true" };
const keyIn = async (path = join(dataDir, "admin-token")) => (await readFile(path, "utf8")).trim();

/** Why the server would refuse a key; undefined if it is good. */
async function refusalOf(secret: string): Promise<string | undefined> {
  await using fixture = await openTestControl();
  await using store = await openStore({ url: `sqlite:${join(dataDir, "windlass.db")}` });
  return authenticate({ ...fixture.control, store, clock: systemClock }, secret).then(
    () => undefined,
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
}

test("where nothing is, it says so and makes nothing", async () => {
  await expect(run()).rejects.toMatchObject({ name: "StartError", exitCode: 2 });
  await expect(run(rotate)).rejects.toMatchObject({ name: "StartError", exitCode: 2 });
  await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
});

test("it names the file, that of the settings before that of the data directory, whether or not it is there", async () => {
  await serveOnce(dataDir);
  const file = join(dataDir, "admin-token");
  expect(await run()).toEqual({ code: 0, said: `${file}\n`, noted: "" });
  await rm(file);
  expect(await run()).toEqual({ code: 0, said: `${file}\n`, noted: expect.stringContaining("the file is not there") });
  const elsewhere = join(dataDir, "elsewhere");
  expect((await run({}, { "admin-token-file": elsewhere })).said).toBe(`${elsewhere}\n`);
});

test("a rotation replaces the key: the new one is good, the old one revoked, and what it was is told by id alone", async () => {
  await serveOnce(dataDir);
  const old = await keyIn();
  const { code, said, noted } = await run(rotate);
  const fresh = await keyIn();
  expect([code, said]).toEqual([0, `${join(dataDir, "admin-token")}\n`]);
  expect(noted).toMatch(/^windlassd: made the API key key_\w+, and revoked key_\w+\n$/);
  expect(noted + said).not.toContain(fresh);
  expect([await refusalOf(fresh), await refusalOf(old)]).toEqual([undefined, "token_revoked"]);
});

test("a rotation that cannot write the new key leaves the old one good", async () => {
  await serveOnce(dataDir);
  const old = await keyIn();
  await mkdir(join(dataDir, "admin-token.new"));
  await expect(run(rotate)).rejects.toThrow();
  expect([await keyIn(), await refusalOf(old)]).toEqual([old, undefined]);
});

test("a rotation does not upgrade the database: a server may run on it", async () => {
  await mkdir(dataDir);
  await expect(run(rotate)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(await readdir(dataDir)).not.toContain("admin-token");
});
