import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signManifest } from "../../../scripts/releasing/manifest.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { ReleaseMirror } from "../../../test/support/release-mirror.ts";
import { type Log, silentLog } from "../../lib/program/log.ts";
import { PlacedReleases } from "./agent-releases.ts";

const archive = Buffer.alloc(300_000, "version 1.4.2 ");
const file = "windlass-agent-1.4.2-linux-x64.tar.gz";
const keys = Array.from({ length: 2 }, () =>
  String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })),
);
const signed = (manifest: Uint8Array) => JSON.stringify(signManifest(manifest, keys));
let dir: string;
let mirror: ReleaseMirror;
let clock: ManualClock;
let warnings: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-releases-"));
  mirror = await ReleaseMirror.open();
  clock = new ManualClock();
  warnings = [];
  publish();
});
afterEach(async () => {
  await mirror[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

function manifestOf(bytes: Uint8Array): Buffer {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const artifacts = [{ os: "linux", arch: "x64", file, size: bytes.length, sha256 }];
  return Buffer.from(JSON.stringify({ releases: [{ version: "1.4.2", artifacts }] }));
}

function publish(manifest = manifestOf(archive)): void {
  mirror.files.set("/agents/manifest.json", manifest);
  mirror.files.set("/agents/manifest.json.sig", Buffer.from("signed"));
  mirror.files.set(`/agents/${file}`, archive);
}

function releases(place = `${mirror.url}/agents`): PlacedReleases {
  const warn = (fields: unknown) => {
    const { reason } = fields as { readonly reason: string };
    warnings.push(reason);
  };
  const log: Log = { ...silentLog(), warn };
  return new PlacedReleases({ place, keepIn: join(dir, "kept"), clock, log });
}

async function all(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const part of parts) found.push(part);
  return Buffer.concat(found);
}

const answer = (path: string, how: (response: ServerResponse) => void) =>
  mirror.answers.set(path, (_, response) => how(response));

describe("releases behind an address", () => {
  test("are listed, and a file is fetched once, whoever asks, from wherever", async () => {
    const placed = releases();
    const served = await placed.current();
    expect(served?.releases).toEqual([{ version: "1.4.2", isWithdrawn: false, platforms: ["linux-x64"] }]);
    expect(Buffer.from(served?.signatures ?? []).toString()).toBe("signed");
    const found = await Promise.all(
      [0, 0, 0, 299_990, 300_000].map(async (from) => all(await placed.read(file, from))),
    );
    expect(found.map(({ length }) => length)).toEqual([300_000, 300_000, 300_000, 10, 0]);
    expect(found[0]?.equals(archive)).toBe(true);
    await all(await placed.read(file, 0));
    expect(mirror.asked.filter((path) => path.endsWith(".tar.gz"))).toHaveLength(1);
  });

  test("lead elsewhere where the address says so", async () => {
    mirror.files.set("/moved", archive);
    answer(`/agents/${file}`, (response) => response.writeHead(302, { location: "/moved" }).end());
    expect(await all(await releases().read(file, 0))).toHaveLength(archive.length);
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["is not there", (response) => response.writeHead(404).end(), /is in the manifest and is not there/],
    ["is another one", (response) => response.end(Buffer.alloc(archive.length, "x")), /not what the manifest says/],
    ["is too short", (response) => response.end(archive.subarray(1)), /not what the manifest says/],
    ["fails", (response) => response.writeHead(500).end(), /status 500/],
    [
      "breaks off",
      (response) => {
        response.writeHead(200, { "content-length": String(archive.length) });
        response.write(archive.subarray(0, 50), () => response.destroy());
      },
      /cannot be read/,
    ],
  ])("pass nothing on of a file that %s, and try again with the next question", async (_, how, why) => {
    const placed = releases();
    answer(`/agents/${file}`, how);
    await expect(placed.read(file, 0)).rejects.toThrow(why);
    mirror.answers.clear();
    expect(await all(await placed.read(file, 0))).toHaveLength(archive.length);
    expect((await readdir(join(dir, "kept"))).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  test("are none while their manifest cannot be read, which is said once", async () => {
    const placed = releases();
    for (const broken of ["not JSON", '{"releases":[{"version":"1.4.2","artifacts":[{"file":"../x"}]}]}']) {
      publish(Buffer.from(broken));
      expect(await placed.current()).toBeUndefined();
      await clock.advance(10_001);
      expect(await placed.current()).toBeUndefined();
      await clock.advance(10_001);
    }
    expect(warnings).toHaveLength(2);
    publish();
    expect((await placed.current())?.files).toEqual(new Set([file]));
  });

  test("of another authority are not believed", async () => {
    await using secure = await ReleaseMirror.open({ tls: true });
    for (const [path, bytes] of mirror.files) secure.files.set(path, bytes);
    expect(await releases(`${secure.url}/agents`).current()).toBeUndefined();
    expect(warnings[0]).toMatch(/certificate/);
  });
});

test("releases in a directory are read where they lie", async () => {
  await writeFile(join(dir, "manifest.json"), manifestOf(archive));
  await writeFile(join(dir, "manifest.json.sig"), "signed");
  const placed = releases(dir);
  expect((await placed.current())?.files).toEqual(new Set([file]));
  await expect(placed.read(file, 0)).rejects.toThrow(/is in the manifest and cannot be read/);
  await writeFile(join(dir, file), archive);
  expect((await all(await placed.read(file, 10))).equals(archive.subarray(10))).toBe(true);
  expect(await readFile(join(dir, "manifest.json"))).toEqual(manifestOf(archive));
});

describe("releases in a directory that agents cannot take", () => {
  const place = () => join(dir, "releases");
  const put = (name: string, text: string | Uint8Array) => writeFile(join(place(), name), text);
  const listed = (version: unknown) => JSON.stringify({ releases: [{ version, artifacts: [] }] });
  /** Looked at as a start does it. */
  const said = async () => {
    const placed = releases(place());
    await placed.lookAtStart();
    return { warnings, isServed: (await placed.current()) !== undefined };
  };

  test("are told at the start: there is no such directory", async () => {
    expect(await said()).toEqual({ warnings: ["the directory is not there"], isServed: false });
  });

  test.each<[string, string | undefined, string | undefined, string]>([
    ["no manifest", undefined, undefined, "manifest.json is not there"],
    ["one that is not JSON", "{", "{}", "manifest.json is not JSON"],
    ["another one", listed(1), "{}", "manifest.json is no list of agent versions: releases.0.version: "],
    ["no signatures", listed("1.4.2"), undefined, "manifest.json.sig is not there"],
  ])("are told at the start: %s", async (_, manifest, signatures, why) => {
    await mkdir(place());
    if (manifest !== undefined) await put("manifest.json", manifest);
    if (signatures !== undefined) await put("manifest.json.sig", signatures);
    expect(await said()).toEqual({ warnings: [expect.stringContaining(why)], isServed: false });
  });

  test.each<[string, (manifest: Uint8Array) => string, string]>([
    ["none that can be read", () => "signed", "0 keys"],
    ["those of one key", (manifest) => onlyFirst(signed(manifest)), "1 key"],
    ["what is too short for one", () => cutSignatures(), "0 keys"],
  ])("are told at the start, and passed on all the same: signatures are %s", async (_, signatures, count) => {
    await mkdir(place());
    const manifest = Buffer.from(listed("1.4.2"));
    await put("manifest.json", manifest);
    await put("manifest.json.sig", signatures(manifest));
    expect(await said()).toEqual({
      warnings: [`manifest.json.sig has signatures of ${count}, and 2 are needed`],
      isServed: true,
    });
    await put("manifest.json.sig", signed(manifest));
    warnings = [];
    expect(await said()).toEqual({ warnings: [], isServed: true });
  });

  function onlyFirst(text: string): string {
    const { signatures }: ReturnType<typeof signManifest> = JSON.parse(text);
    return JSON.stringify({ signatures: [...signatures.slice(0, 1), ...signatures.slice(0, 1)] });
  }

  const cutSignatures = () => JSON.stringify({ signatures: ["a", "b"].map((key) => ({ key, signature: "c2hvcnQ=" })) });
});
