import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { authenticate } from "../control/authentication.ts";
import type { Engine } from "../domain/workspace.ts";
import { firstStart } from "./first-start.ts";
import { temporaryDirectory } from "./testing.ts";

let held: AsyncDisposableStack;
let file: string;
let fixture: TestControl;
let asked: number;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  file = join(await temporaryDirectory(held), "keys", "admin-token");
  fixture = held.use(await openTestControl());
  asked = 0;
});
afterEach(() => held.disposeAsync());

const start = (organization: string, engine: Engine = "tofu") =>
  firstStart(fixture.control, {
    ...{ organization, adminTokenFile: file },
    defaultEngine: async () => {
      asked += 1;
      return engine;
    },
  });
const organization = (name: string) => fixture.control.store.read((q) => q.organizations.byName(name));
const adminKeys = () => fixture.control.store.read((q) => q.upkeep.siteAdminKeys("admin"));

test("the first start makes an organization that runs the program that is here, and an admin's key that works", async () => {
  const { generation, adminTokenFile } = await start("first");
  expect(adminTokenFile).toBe(file);
  expect(await organization("first")).toMatchObject({
    ...{ maxAgents: 0, maxWorkspaces: 0, defaultExecutionMode: "remote", defaultEngine: "tofu" },
    ...{ defaultEngineVersion: "", createdAt: fixture.clock.now(), version: 1 },
  });
  const secret = (await readFile(file, "utf8")).trim();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await authenticate(fixture.control, secret)).toMatchObject({
    ...{ kind: "api_key", role: "site_admin", organizationId: null },
  });
  expect(generation).toMatch(/^[0-9a-f-]{36}$/);
});

test("every later start finds it so: the same history, no other key, nothing asked, whatever the settings say by now", async () => {
  const { generation } = await start("first");
  await rm(file);
  const later = await start("second", "terraform");
  expect(later).toEqual({ generation, adminTokenFile: undefined });
  expect([await organization("second"), (await adminKeys()).length, asked]).toEqual([undefined, 1, 1]);
  await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
});

test("an organization that is there already stays as it is", async () => {
  await start("acme");
  expect(await organization("acme")).toEqual(fixture.organization);
});

test("a first start that could not write the key is repeated: better two keys than none, in the same history", async () => {
  await mkdir(`${file}.new`, { recursive: true });
  await expect(start("first")).rejects.toThrow();
  const made = await organization("first");
  await rm(`${file}.new`, { recursive: true });
  const { adminTokenFile } = await start("first");
  expect([adminTokenFile, (await adminKeys()).length]).toEqual([file, 2]);
  expect(await organization("first")).toEqual(made);
});
