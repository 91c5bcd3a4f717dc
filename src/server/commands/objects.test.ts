import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openTestS3, type TestS3 } from "../../../test/support/s3-server.ts";
import { commandCall, serveOnce, temporaryDirectory } from "../../../test/support/server.ts";
import { openBlobStore, openStore } from "../../store/open.ts";
import { readManifest } from "../backup/unpack.ts";
import { demandOwnObjects } from "../open-stores.ts";
import { backupCommand } from "./backup.ts";
import { doctorCommand } from "./doctor.ts";
import { gcCommand } from "./gc.ts";
import { migrateCommand } from "./migrate.ts";
import { restoreCommand } from "./restore.ts";

/** Of commands where objects lie in S3. */
let s3: TestS3;
beforeAll(async () => {
  s3 = await openTestS3();
});
afterAll(() => s3[Symbol.asyncDispose]());

let held: AsyncDisposableStack;
let dir: string;
let dataDir: string;
let blobUrl: string;
let prefixes = 0;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  dir = await temporaryDirectory(held);
  dataDir = join(dir, "data");
  prefixes += 1;
  blobUrl = s3.url(`commands-${prefixes}`);
});
afterEach(async () => {
  s3.fault = () => undefined;
  s3.before = async () => {};
  await held.disposeAsync();
});

type Flags = Readonly<Record<string, string>>;

async function run(
  command: typeof gcCommand,
  flags: Flags,
  change: { readonly own?: Flags; readonly words?: readonly string[] } = {},
) {
  const { call, said, noted } = commandCall({ "data-dir": dataDir, ...flags }, change);
  const code = await command.run(call);
  return { code, said: said.join(""), noted: noted.join("") };
}

const opened = async (url: string) => held.use(await openBlobStore({ url, spoolDirectory: dir, isShared: true }));
const files = (at: string) => `files:${join(at, "blobs")}`;

async function put(url: string, text: string): Promise<string> {
  const blobs = await opened(url);
  const bytes = async function* () {
    yield Buffer.from(text);
  };
  return (await blobs.put(bytes(), { maxBytes: 1_000_000 })).key;
}

async function textAt(url: string, key: string): Promise<string> {
  const blobs = await opened(url);
  return Buffer.concat(await Array.fromAsync(blobs.get(key))).toString();
}

/** What a start, and each command that deletes, asks of the objects. */
async function demanded(at: string, flags: Flags): Promise<void> {
  await mkdir(at, { recursive: true });
  const { settings, random } = commandCall({ "data-dir": at, ...flags }).call;
  await using store = await openStore({ url: `sqlite:${join(at, "windlass.db")}` });
  await using blobs = await openBlobStore({ url: settings.blobUrl ?? "", spoolDirectory: dir });
  await demandOwnObjects({ store, blobs, random }, settings);
}

/** A row that names an object, as far as a search for missing ones is concerned. */
async function nameObject(blobKey: string): Promise<void> {
  await using store = await openStore({ url: `sqlite:${join(dataDir, "windlass.db")}` });
  await store.write(async (tx) => {
    const organization = await tx.organizations.byName("default");
    if (organization === undefined) throw new Error("a first start makes an organization");
    const upload = { id: "upload_1", organizationId: organization.id, owner: "", isOfJob: false };
    await tx.uploads.insert({ ...upload, sha256: "", bytes: 1, received: 1, createdAt: new Date() });
    await tx.uploads.insertPart({ uploadId: "upload_1", start: 0, bytes: 1, blobKey });
  });
}

test("two installations do not share a prefix, until one says that the other is gone", async () => {
  await demanded(dataDir, { "blob-url": blobUrl });
  await demanded(dataDir, { "blob-url": blobUrl });
  const other = join(dir, "other");
  const refused = { exitCode: 5, message: expect.stringContaining("give this one a prefix of its own") };
  await expect(demanded(other, { "blob-url": blobUrl })).rejects.toMatchObject(refused);
  await demanded(other, { "blob-url": blobUrl, "moved-database": "true" });
  await expect(serveOnce(dataDir, { "blob-url": blobUrl })).rejects.toMatchObject(refused);
  await expect(run(gcCommand, { "blob-url": blobUrl })).rejects.toMatchObject(refused);
  expect((await run(gcCommand, { "blob-url": blobUrl }, { own: { "dry-run": "true" } })).code).toBe(0);
});

test("a start tells that the store does not answer, and why", async () => {
  s3.fault = () => ({ kind: "error", status: 403, code: "AccessDenied" });
  await expect(serveOnce(dataDir, { "blob-url": blobUrl })).rejects.toMatchObject({
    code: "storage_unavailable",
    message: expect.stringContaining("the store refuses access: the keys need the rights that docs/objects.md lists"),
  });
});

test("the doctor writes, reads, lists and deletes an object there, and tells what is refused", async () => {
  await serveOnce(dataDir, { "blob-url": blobUrl });
  const look = () => run(doctorCommand, { "blob-url": blobUrl }, { own: { output: "json" } });
  const blobsOf = (text: string) => (JSON.parse(text) as { id: string }[]).find(({ id }) => id === "blobs");
  expect(blobsOf((await look()).said)).toMatchObject({
    status: "ok",
    detail: `an object in s3://objects/commands-${prefixes} was written, read and deleted`,
  });
  expect(await (await opened(blobUrl)).usage()).toEqual({ count: 0, bytes: 0 });
  s3.fault = ({ method }) => (method === "PUT" ? { kind: "error", status: 403, code: "AccessDenied" } : undefined);
  const { code, said } = await look();
  expect([code, blobsOf(said)]).toMatchObject([
    1,
    { status: "fail", detail: expect.stringContaining("refuses access") },
  ]);
});

test("objects move there and back, and a copy that was cut off goes on", async () => {
  await serveOnce(dataDir);
  const keys: string[] = [];
  for (const text of ["one", "two", "three"]) keys.push(await put(files(dataDir), text));
  const there = () => run(migrateCommand, {}, { own: { blobs: "true", to: blobUrl } });
  s3.fault = ({ method, path }) =>
    method === "PUT" && path.includes(keys[1] ?? "") ? { kind: "error", status: 403, code: "AccessDenied" } : undefined;
  await expect(there()).rejects.toMatchObject({ code: "storage_unavailable" });
  s3.fault = () => undefined;
  expect((await there()).code).toBe(0);
  expect(await there()).toMatchObject({ said: "0 objects of 0 bytes copied, 3 were there already\n", noted: "" });
  expect(await textAt(blobUrl, keys[1] ?? "")).toBe("two");
  await rm(join(dataDir, "blobs"), { recursive: true });
  const back = { own: { blobs: "true", to: "default" } };
  expect((await run(migrateCommand, { "blob-url": blobUrl }, back)).said).toContain("3 objects of 11 bytes copied");
  expect(await textAt(files(dataDir), keys[2] ?? "")).toBe("three");
  await expect(run(migrateCommand, {}, { own: { blobs: "true" } })).rejects.toMatchObject({ exitCode: 2 });
  await expect(run(migrateCommand, {}, back)).rejects.toMatchObject({ exitCode: 2 });
});

test("an object that is damaged is named, and the others are copied", async () => {
  await serveOnce(dataDir, { "blob-url": blobUrl });
  const [one, two] = [await put(blobUrl, "one"), await put(blobUrl, "two")];
  await s3.overwrite(`commands-${prefixes}/objects/${one}`, Buffer.from("eno"));
  const copied = await run(migrateCommand, { "blob-url": blobUrl }, { own: { blobs: "true", to: "default" } });
  expect(copied).toMatchObject({ code: 1, said: expect.stringContaining("1 object of 3 bytes copied") });
  expect(copied.noted).toContain(`the object ${one} is damaged where it was, and was not copied`);
  expect(await textAt(files(dataDir), two)).toBe("two");
});

test("a backup leaves objects where they are and says where, or holds them, as it is told", async () => {
  await serveOnce(dataDir, { "blob-url": blobUrl });
  const key = await put(blobUrl, "an object");
  const file = join(dir, "backup.tar.gz");
  const flags = { "blob-url": blobUrl };
  const named = await run(backupCommand, flags, { words: [file], own: { "with-key": "true" } });
  expect(named.noted).toContain(`the objects stay in s3://objects/commands-${prefixes}`);
  expect(await readManifest(file)).toMatchObject({ objectsIn: `s3://objects/commands-${prefixes}` });
  const target = join(dir, "restored");
  const restore = (url?: string) =>
    run(restoreCommand, { "data-dir": target, ...(url === undefined ? {} : { "blob-url": url }) }, { words: [file] });
  await expect(restore()).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining("--blob-url") });
  expect((await restore(blobUrl)).noted).toContain("start once with --moved-database");
  await expect(demanded(target, flags)).rejects.toMatchObject({ exitCode: 5 });
  await rm(target, { recursive: true });
  await run(backupCommand, flags, { words: [file], own: { "with-key": "true", "with-objects": "true" } });
  expect((await readManifest(file)).parts.map(({ name }) => name)).toContain(`blobs/${key}`);
  const fresh = s3.url(`commands-${prefixes}-copy`);
  await restore(fresh);
  expect(await textAt(fresh, key)).toBe("an object");
  expect(await readdir(target)).not.toContain("blobs");
});

test("a backup of objects of which one is deleted meanwhile, by another server, ends without a file", async () => {
  await serveOnce(dataDir, { "blob-url": blobUrl });
  const keys = await Promise.all(["an object", "another one"].map((text) => put(blobUrl, text)));
  const other = await opened(blobUrl);
  s3.before = async ({ method, path }) => {
    if (method !== "GET" || !path.includes("/objects/")) return;
    s3.before = async () => {};
    for (const key of keys) if (!path.includes(key)) await other.delete(key);
  };
  const file = join(dir, "backup.tar.gz");
  const backup = run(backupCommand, { "blob-url": blobUrl }, { words: [file], own: { "with-objects": "true" } });
  await expect(backup).rejects.toMatchObject({ code: "not_found" });
  expect((await readdir(dir)).filter((name) => name.startsWith("backup"))).toEqual([]);
  const again = await run(backupCommand, { "blob-url": blobUrl }, { words: [file], own: { "with-objects": "true" } });
  expect(again.code).toBe(0);
});

test("a restore tells how many objects that rows name are not there", async () => {
  await serveOnce(dataDir, { "blob-url": blobUrl });
  await nameObject("0".repeat(64));
  const file = join(dir, "backup.tar.gz");
  await run(backupCommand, { "blob-url": blobUrl }, { words: [file], own: { "with-key": "true" } });
  const target = join(dir, "restored");
  const { noted } = await run(restoreCommand, { "data-dir": target, "blob-url": blobUrl }, { words: [file] });
  expect(noted).toContain("1 object that the backup names is not there");
});
