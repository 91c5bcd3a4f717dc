import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ReleaseMirror } from "../../../test/support/release-mirror.ts";
import { packDirectory } from "../../lib/archive/pack.ts";
import { systemClock } from "../../lib/clock.ts";
import { bringRelease } from "./bring.ts";
import type { ChosenRelease } from "./check.ts";
import { Slots } from "./slots.ts";
import { mirrorSource } from "./sources.ts";

const going = new AbortController().signal;
let dir: string;
let slots: Slots;
let mirror: ReleaseMirror;
let archive: Buffer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-mirror-"));
  slots = new Slots(join(dir, "data"));
  await slots.make();
  await mkdir(join(dir, "from/windlass-agent-1.4.2/bin"), { recursive: true });
  await writeFile(join(dir, "from/windlass-agent-1.4.2/bin/windlass-agent"), "#!/bin/sh\n".repeat(9_000));
  await using packed = await packDirectory(join(dir, "from"), { maxBytes: 1e8 });
  archive = await readFile(packed.file);
  mirror = await ReleaseMirror.open();
  publish();
});
afterEach(async () => {
  await mirror[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

function publish(): void {
  mirror.files.set("/agents/manifest.json", Buffer.from("the manifest"));
  mirror.files.set("/agents/manifest.json.sig", Buffer.from("its signatures"));
  mirror.files.set("/agents/agent.tar.gz", archive);
}

/** With and without a slash at its end: it is a directory. */
const source = (path = "/agents", authorities?: readonly string[]) =>
  mirrorSource(new URL(`${mirror.url}${path}`), authorities, systemClock);

function bring(from = source(), signal: AbortSignal = going) {
  const sha256 = createHash("sha256").update(archive).digest("hex");
  const artifact = { os: "linux", arch: "x64", file: "agent.tar.gz", size: archive.length, sha256 };
  const release = { version: "1.4.2", min_server: "1.0.0", journal_format: 1, artifacts: [artifact] };
  const chosen: ChosenRelease = { kind: "chosen", artifact, release };
  return bringRelease({ slots, source: from, minFreeBytes: 0 }, chosen, signal);
}

const answer = (path: string, how: (response: ServerResponse) => void) =>
  mirror.answers.set(path, (_, response) => how(response));

describe("a mirror", () => {
  test.each(["/agents", "/agents/"])("gives manifest and versions, at %s", async (path) => {
    const { manifest, signatures } = await source(path).manifest(going);
    expect([manifest, signatures].map((bytes) => Buffer.from(bytes).toString())).toEqual([
      "the manifest",
      "its signatures",
    ]);
    expect(await bring(source(path))).toEqual({ kind: "brought" });
  });

  test("may lead elsewhere", async () => {
    mirror.files.set("/moved/agent.tar.gz", archive);
    answer("/agents/agent.tar.gz", (response) => response.writeHead(302, { location: "/moved/agent.tar.gz" }).end());
    expect(await bring()).toEqual({ kind: "brought" });
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["is not there", (response) => response.writeHead(404).end(), /agent\.tar\.gz is not there/],
    ["fails", (response) => response.writeHead(503).end(), /status 503/],
    ["leads round in a circle", (response) => response.writeHead(301, { location: "agent.tar.gz" }).end(), /redirect/],
    ["leads to another scheme", (response) => response.writeHead(301, { location: "ftp://h/x" }).end(), /redirects to/],
    [
      "breaks off",
      (response) => {
        response.writeHead(200, { "content-length": String(archive.length) });
        response.write(archive.subarray(0, 50), () => response.destroy());
      },
      /cannot be read/,
    ],
    ["is too short", (response) => response.end(archive.subarray(1)), /has \d+ bytes, and the manifest says/],
    ["is announced too long", (response) => response.end(Buffer.concat([archive, archive])), /is larger than/],
    [
      "is longer than it is announced",
      (response) => {
        response.writeHead(200, { "transfer-encoding": "chunked" });
        response.write(archive);
        response.end("one more");
      },
      /is larger than/,
    ],
    ["is a page that says no", (response) => response.end("<html>sign in</html>"), /has \d+ bytes/],
  ])("whose archive %s leaves nothing that could be started, and is asked again later", async (_, how, why) => {
    answer("/agents/agent.tar.gz", how);
    const outcome = await bring();
    expect(outcome).toMatchObject({ kind: "refused", reason: "DOWNLOAD" });
    expect("detail" in outcome ? outcome.detail : "").toMatch(why);
    expect((await readdir(slots.root)).filter((name) => !name.endsWith(".partial"))).toEqual([]);
    mirror.answers.clear();
    expect(await bring()).toEqual({ kind: "brought" });
    expect(await readdir(slots.root)).toEqual(["1.4.2"]);
  });

  test("that is slow is left when the agent stops", async () => {
    const asked = Promise.withResolvers<void>();
    answer("/agents/agent.tar.gz", (response) => {
      response.writeHead(200);
      response.write(archive.subarray(0, 50), () => asked.resolve());
    });
    const stopping = new AbortController();
    const bringing = bring(source(), stopping.signal);
    await asked.promise;
    stopping.abort(new Error("the agent stops"));
    await expect(bringing).rejects.toThrow("the agent stops");
  });

  test("without a manifest, or with one half of it, says which file is missing", async () => {
    mirror.files.delete("/agents/manifest.json.sig");
    await expect(source().manifest(going)).rejects.toThrow(/manifest\.json\.sig is not there/);
  });

  test("whose manifest has no end is not read for ever", async () => {
    mirror.files.set("/agents/manifest.json", Buffer.alloc(5 * 1024 * 1024));
    await expect(source().manifest(going)).rejects.toThrow(/is larger than/);
  });

  test("with an authority of its own is believed by who was told of it, and by nobody else", async () => {
    await mirror[Symbol.asyncDispose]();
    mirror = await ReleaseMirror.open({ tls: true });
    publish();
    await expect(source().manifest(going)).rejects.toThrow(/cannot be read: .*certificate/);
    expect(await bring()).toMatchObject({ kind: "refused", reason: "DOWNLOAD" });
    expect(await bring(source("/agents", [mirror.ca]))).toEqual({ kind: "brought" });
  });
});
