import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Person } from "../../domain/people/principal.ts";
import {
  type ConfigurationUpload,
  downloadConfiguration,
  getConfiguration,
  listConfigurations,
  uploadConfiguration,
} from "./configurations.ts";
import { createWorkspace } from "./workspaces.ts";

let fixture: TestControl;
let planner: Person;
beforeEach(async () => {
  fixture = await openTestControl({ limits: { maxConfigurationBytes: 4096 } });
  planner = fixture.as("planner");
  await createWorkspace(fixture.control, fixture.as("operator"), newWorkspace("network"));
});
afterEach(() => fixture[Symbol.asyncDispose]());

type EntryType = "File" | "SymbolicLink" | "CharacterDevice";

function entry(path: string, { body = "", type = "File" as EntryType, linkpath = "" } = {}): Buffer {
  const header = new Header({ path, type, linkpath, size: body.length, mode: 0o644, mtime: new Date(0) });
  header.encode();
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([header.block ?? Buffer.alloc(0), Buffer.from(body), padding]);
}

const archive = (...entries: readonly Buffer[]) => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
const good = archive(entry("main.tf", { body: "# nothing\n" }));

async function* pieces(bytes: Uint8Array, size = 100) {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const uploadOf = (bytes: Uint8Array, over: Partial<ConfigurationUpload> = {}): ConfigurationUpload => ({
  workspace: ref("network"),
  bytes: bytes.length,
  sha256: sha256(bytes),
  chunks: pieces(bytes),
  ...over,
});
const upload = (bytes: Uint8Array, over: Partial<ConfigurationUpload> = {}) =>
  uploadConfiguration(fixture.control, planner, uploadOf(bytes, over));

const stored = async () => {
  const page = { size: 0, token: "" };
  const { rows } = await listConfigurations(fixture.control, planner, { workspace: ref("network"), page });
  return rows.map(({ configuration }) => configuration);
};

describe("uploading a configuration", () => {
  test("it is kept byte for byte", async () => {
    const { configuration, workspaceName } = await upload(good);
    expect(configuration).toMatchObject({ bytes: good.length, sha256: sha256(good), fileCount: 1 });
    expect(workspaceName).toBe("network");
    const back = await Array.fromAsync(downloadConfiguration(fixture.control, fixture.as("reader"), configuration.id));
    expect(Buffer.concat(back).equals(good)).toBe(true);
    expect(await stored()).toEqual([configuration]);
  });

  test.each([
    ["a name that leaves the directory", archive(entry("../evil.tf", { body: "x" })), "../evil.tf"],
    ["an absolute name", archive(entry("/etc/evil.tf", { body: "x" })), "/etc/evil.tf"],
    ["a link that escapes", archive(entry("link", { type: "SymbolicLink", linkpath: "../../etc/passwd" })), "link"],
    ["a device", archive(entry("null", { type: "CharacterDevice" })), "null"],
    ["no archive", Buffer.from("this is no archive"), ""],
  ])("%s is refused and leaves nothing behind", async (_what, bytes, name) => {
    await expect(upload(bytes)).rejects.toMatchObject({
      code: "archive_rejected",
      metadata: { entry: name, why: expect.stringMatching(/./) },
    });
    expect(await stored()).toEqual([]);
    expect(await fixture.control.blobs.has(sha256(bytes))).toBe(false);
  });

  test("a bomb is refused", async () => {
    const bomb = archive(entry("zeros", { body: "\0".repeat(16 * 1024 * 1024) }));
    const limited = await openTestControl();
    await createWorkspace(limited.control, limited.as("operator"), newWorkspace("network"));
    const uploading = uploadConfiguration(
      limited.control,
      limited.as("planner"),
      uploadOf(bomb, { chunks: pieces(bomb, 1 << 12) }),
    );
    await expect(uploading).rejects.toMatchObject({
      code: "archive_rejected",
      message: expect.stringContaining("times its size"),
    });
    expect(await limited.control.blobs.has(sha256(bomb))).toBe(false);
    await limited[Symbol.asyncDispose]();
  });

  test.each([
    ["more bytes than announced", { bytes: good.length - 1 }],
    ["fewer bytes than announced", { bytes: good.length + 1 }],
    ["another SHA-256 than announced", { sha256: sha256("something else") }],
  ])("%s are refused and leave nothing behind", async (_what, announced) => {
    await expect(upload(good, announced)).rejects.toMatchObject({ code: "checksum_mismatch" });
    expect(await stored()).toEqual([]);
    expect(await fixture.control.blobs.has(sha256(good))).toBe(false);
  });

  test("a refused upload of bytes that are stored already does not take them away", async () => {
    const { configuration } = await upload(good);
    await expect(upload(good, { sha256: sha256("something else") })).rejects.toMatchObject({
      code: "checksum_mismatch",
    });
    const back = await Array.fromAsync(downloadConfiguration(fixture.control, planner, configuration.id));
    expect(Buffer.concat(back).equals(good)).toBe(true);
  });

  test("one that is too large is refused before its bytes are read", async () => {
    let isRead = false;
    const chunks = (async function* () {
      isRead = true;
      yield new Uint8Array(1);
    })();
    await expect(upload(good, { bytes: 5000, chunks })).rejects.toMatchObject({
      code: "upload_too_large",
      metadata: { limit_bytes: "4096" },
    });
    expect(isRead).toBe(false);
  });

  test("a caller that goes away leaves nothing behind", async () => {
    const chunks = (async function* () {
      yield good.subarray(0, 10);
      throw new Error("gone");
    })();
    await expect(upload(good, { chunks })).rejects.toThrow("gone");
    expect(await stored()).toEqual([]);
    expect(await fixture.control.blobs.has(sha256(good))).toBe(false);
  });

  test("readers upload nothing, and another tenant's workspace and configuration do not exist", async () => {
    const { control, as, sibling } = fixture;
    await expect(uploadConfiguration(control, as("reader"), uploadOf(good))).rejects.toMatchObject({
      code: "permission_denied",
    });
    const stranger = as("owner", sibling);
    await expect(uploadConfiguration(control, stranger, uploadOf(good))).rejects.toMatchObject({ code: "not_found" });
    const { configuration } = await upload(good);
    await expect(getConfiguration(control, stranger, configuration.id)).rejects.toMatchObject({ code: "not_found" });
    const download = downloadConfiguration(control, stranger, configuration.id);
    await expect(download.next()).rejects.toMatchObject({ code: "not_found" });
  });
});
