import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { openTestS3, type S3Fault, type SeenRequest, type TestS3 } from "../../../../test/support/s3-server.ts";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import { openBlobStore } from "../../open.ts";
import type { BlobStore } from "../../ports/blobs.ts";

const limits = { maxBytes: 100_000_000 };
const part = 8 * 1024 * 1024;

async function* inPieces(content: Uint8Array, size = 65_536): AsyncIterable<Uint8Array> {
  for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
}
const gathered = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(pieces));
const unavailable = (message: string) =>
  expect.objectContaining({
    code: "storage_unavailable",
    message: expect.stringContaining(message),
    retryAfterMs: 5_000,
  });

/** It waits for what may take long, and for no pause. */
const briskClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms < 10_000 ? 0 : ms, signal),
};

let s3: TestS3;
let spoolDirectory: string;
beforeAll(async () => {
  s3 = await openTestS3();
  spoolDirectory = await mkdtemp(join(tmpdir(), "windlass-spool-"));
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  await rm(spoolDirectory, { recursive: true, force: true });
});

let held: AsyncDisposableStack;
let blobs: BlobStore;
let prefixes = 0;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  prefixes += 1;
  blobs = await opened();
  await blobs.claim("this installation");
  s3.requests.length = 0;
});
afterEach(async () => {
  s3.fault = () => undefined;
  s3.before = async () => {};
  s3.isConditional = true;
  s3.pageSize = 1_000;
  await held.disposeAsync();
});

const prefix = () => `test-${prefixes}`;
const opened = async (url = s3.url(prefix())) =>
  held.use(await openBlobStore({ url, spoolDirectory, clock: briskClock }));
const seen = () =>
  s3.requests.map((one) =>
    one
      .replace(/\?.*(uploads|uploadId|delete|list-type).*/, " $1")
      .split(`${prefix()}/`)
      .join(""),
  );

/** So many requests of a kind have this fault, then none. */
function fails(times: number, fault: S3Fault, isMeant: (request: SeenRequest) => boolean = () => true): void {
  let left = times;
  s3.fault = (request) => {
    if (left === 0 || !isMeant(request)) return undefined;
    left -= 1;
    return fault;
  };
}

describe("an upload", () => {
  test("of a large object is sent in parts, and waits on the disk in a file without a name", async () => {
    const content = randomBytes(2 * part + 5);
    const { key } = await blobs.put(inPieces(content), limits);
    expect(key).toBe(createHash("sha256").update(content).digest("hex"));
    expect(seen().filter((one) => one.endsWith("uploadId"))).toHaveLength(4);
    expect((await gathered(blobs.get(key))).equals(content)).toBe(true);
    expect(await gathered(blobs.get(key, 2 * part, 2 * part + 2))).toEqual(content.subarray(2 * part, 2 * part + 2));
    expect(await readdir(spoolDirectory)).toEqual([]);
    s3.requests.length = 0;
    await blobs.put(inPieces(content), limits);
    expect(seen()).toEqual([`HEAD objects/${key}`]);
  });

  test("whose part fails for good is given up in the store, too", async () => {
    s3.fault = ({ path }) =>
      path.includes("partNumber=2") ? { kind: "error", status: 403, code: "AccessDenied" } : undefined;
    const content = randomBytes(part + 5);
    await expect(blobs.put(inPieces(content), limits)).rejects.toEqual(unavailable("the store refuses access"));
    expect(seen().at(-1)).toMatch(/^DELETE .*uploadId/);
    expect(await blobs.usage()).toEqual({ count: 0, bytes: 0 });
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  test("is tried again while the store asks for fewer requests, and not for ever", async () => {
    const slowDown: S3Fault = { kind: "error", status: 503, code: "SlowDown" };
    fails(2, slowDown, ({ method }) => method === "PUT");
    const { key } = await blobs.put(inPieces(Buffer.from("a")), limits);
    expect(await blobs.has(key)).toBe(true);
    fails(Infinity, slowDown, ({ method }) => method === "PUT");
    s3.requests.length = 0;
    await expect(blobs.put(inPieces(Buffer.from("b")), limits)).rejects.toEqual(
      unavailable("the store asks for fewer requests"),
    );
    expect(seen().filter((one) => one.startsWith("PUT"))).toHaveLength(4);
    s3.fault = () => undefined;
    await blobs.put(inPieces(Buffer.from("b")), limits);
  });

  test("whose answer was lost is stored once, and known to be", async () => {
    fails(1, { kind: "cut" }, ({ method }) => method === "PUT");
    const { key } = await blobs.put(inPieces(Buffer.from("a")), limits);
    expect((await gathered(blobs.get(key))).toString()).toBe("a");
    fails(1, { kind: "cut" }, ({ method, path }) => method === "POST" && path.includes("uploadId"));
    const content = randomBytes(part + 1);
    const large = await blobs.put(inPieces(content), limits);
    expect((await gathered(blobs.get(large.key))).equals(content)).toBe(true);
  });

  test("goes to a store that knows no conditions, and asks it for none from then on", async () => {
    s3.isConditional = false;
    await blobs.put(inPieces(Buffer.from("a")), limits);
    s3.requests.length = 0;
    await blobs.put(inPieces(Buffer.from("b")), limits);
    expect(seen().filter((one) => one.startsWith("PUT"))).toHaveLength(1);
  });

  test("heals an object that is cut off", async () => {
    const { key } = await blobs.put(inPieces(Buffer.from("whole")), limits);
    await s3.overwrite(`${prefix()}/objects/${key}`, Buffer.from("who"));
    await blobs.put(inPieces(Buffer.from("whole")), limits);
    expect((await gathered(blobs.get(key))).toString()).toBe("whole");
  });
});

describe("a download", () => {
  test("that breaks off goes on where it was, as long as it moves", async () => {
    const content = randomBytes(1_000_000);
    const { key } = await blobs.put(inPieces(content), limits);
    fails(6, { kind: "cut", afterBytes: 100_000 }, ({ method }) => method === "GET");
    expect((await gathered(blobs.get(key))).equals(content)).toBe(true);
    fails(3, { kind: "cut", afterBytes: 50_000 }, ({ method }) => method === "GET");
    expect((await gathered(blobs.get(key, 700_000))).equals(content.subarray(700_000))).toBe(true);
  });

  test("that does not move ends", async () => {
    const { key } = await blobs.put(inPieces(randomBytes(100_000)), limits);
    fails(Infinity, { kind: "cut", afterBytes: 0 }, ({ method }) => method === "GET");
    await expect(gathered(blobs.get(key))).rejects.toEqual(unavailable("cannot be reached"));
  });

  test.each([
    ["altered", (content: Buffer) => Buffer.concat([content.subarray(0, -1), Buffer.of((content.at(-1) ?? 0) ^ 1)])],
    ["cut off", (content: Buffer) => content.subarray(0, -1)],
    ["emptied", () => Buffer.alloc(0)],
  ])("of an object that was %s says so, and others are read", async (_, damage) => {
    const [one, other] = [randomBytes(300_000), Buffer.from("other")];
    const { key } = await blobs.put(inPieces(one), limits);
    const { key: whole } = await blobs.put(inPieces(other), limits);
    await s3.overwrite(`${prefix()}/objects/${key}`, damage(one));
    await expect(gathered(blobs.get(key))).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining(`the stored object ${key.slice(0, 12)} is not what was stored`),
    });
    expect(await gathered(blobs.get(whole))).toEqual(other);
  });

  test.each<[string, S3Fault]>([
    ["before its answer", { kind: "silent" }],
    ["in the middle of it", { kind: "stall", afterBytes: 100_000 }],
  ])("that stalls %s ends when nobody waits for the store any more, and is not asked for again", async (_, fault) => {
    const { key } = await blobs.put(inPieces(randomBytes(1_000_000)), limits);
    const stopping = new AbortController();
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => (ms < 10_000 ? Promise.reject(new Error("a pause")) : systemClock.sleep(ms, signal)),
    };
    const parts = { url: s3.url(prefix()), spoolDirectory, clock, cutOff: stopping.signal };
    const stopped = held.use(await openBlobStore(parts));
    s3.requests.length = 0;
    s3.fault = () => fault;
    const stalls = Promise.withResolvers<void>();
    s3.before = async () => void (fault.kind === "silent" && stalls.resolve());
    const read = (async () => {
      for await (const _piece of stopped.get(key)) stalls.resolve();
    })();
    read.catch(() => {});
    await stalls.promise;
    stopping.abort();
    await expect(read).rejects.toEqual(unavailable("it does not answer in time"));
    expect(s3.requests).toHaveLength(1);
  });

  test("whose reader leaves ends its request", async () => {
    const { key } = await blobs.put(inPieces(randomBytes(3_000_000)), limits);
    for await (const _piece of blobs.get(key)) break;
    expect(seen().filter((one) => one.startsWith("GET objects/"))).toHaveLength(1);
  });
});

describe("whoever cannot use the bucket is told why:", () => {
  const error = (status: number, code: string, message?: string): S3Fault =>
    message === undefined ? { kind: "error", status, code } : { kind: "error", status, code, message };
  test.each<[string, S3Fault, string]>([
    ["it is missing", error(404, "NoSuchBucket"), "there is no such bucket"],
    ["it is forbidden", error(403, "AccessDenied"), "the store refuses access"],
    [
      "it is in another region",
      error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
      "the bucket is in the region eu-west-1: give it as region=eu-west-1",
    ],
    ["the region leads elsewhere", error(301, "PermanentRedirect"), "the bucket is in another region"],
    ["the clock is wrong", error(403, "RequestTimeTooSkewed"), "the clock of this machine differs"],
    ["the key is unknown", error(403, "InvalidAccessKeyId"), "does not know the access key"],
    ["the secret is wrong", error(403, "SignatureDoesNotMatch"), "does not take the secret key"],
    ["the keys have expired", error(400, "ExpiredToken"), "the keys have expired"],
    ["it has an error of its own", error(500, "InternalError"), "an error of its own"],
    ["HTML comes", { kind: "html", status: 200 }, "no S3 store"],
    ["HTML comes with an error", { kind: "html", status: 404 }, "cannot be reached"],
  ])("%s", async (_, fault, message) => {
    s3.fault = () => fault;
    await expect(Array.fromAsync(blobs.list())).rejects.toEqual(unavailable(message));
    await expect(blobs.put(inPieces(Buffer.from("a")), limits)).rejects.toMatchObject({ code: "storage_unavailable" });
    await expect(gathered(blobs.get("0".repeat(64)))).rejects.toThrow();
  });

  test("nobody answers", async () => {
    const gone = await openTestS3();
    await gone[Symbol.asyncDispose]();
    const nowhere = await opened(gone.url());
    await expect(nowhere.usage()).rejects.toEqual(unavailable("ECONNREFUSED"));
    await expect(nowhere.usage()).rejects.toEqual(
      unavailable(": look at endpoint= of --blob-url, and whether the store runs"),
    );
  });

  test("its certificate is nobody's", async () => {
    const server = createServer(selfSigned(new Date()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    held.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const strange = await opened(`s3://objects/x?endpoint=https://127.0.0.1:${port}`);
    await expect(strange.usage()).rejects.toEqual(unavailable("name its authority in NODE_EXTRA_CA_CERTS"));
  });
});

describe("deletions", () => {
  const soon = () => new Date(Date.now() + 60_000);

  test("are asked for together, and one by one where the store knows no other way", async () => {
    const put = async (text: string) => (await blobs.put(inPieces(Buffer.from(text)), limits)).key;
    const keys = await Promise.all(["a", "b", "c"].map(put));
    s3.requests.length = 0;
    expect(await blobs.deleteOlder(keys, soon())).toEqual(keys);
    expect(seen().filter((one) => one.startsWith("POST") || one.startsWith("DELETE"))).toEqual([
      "POST  delete",
      expect.stringMatching(/^DELETE collections/),
    ]);
    const more = await Promise.all(["d", "e"].map(put));
    s3.fault = ({ method, path }) =>
      method === "POST" && path.startsWith("?delete")
        ? { kind: "error", status: 501, code: "NotImplemented" }
        : undefined;
    expect(await blobs.deleteOlder(more, soon())).toEqual(more);
    expect(await blobs.usage()).toEqual({ count: 0, bytes: 0 });
  });

  test("and uploads of several processes are kept apart: an upload of what goes at this moment stays", async () => {
    const other = await opened();
    const content = randomBytes(10);
    const { key } = await blobs.put(inPieces(content), limits);
    const isDeletion = ({ method, path }: SeenRequest) => method === "POST" && path.startsWith("?delete");
    let again: Promise<unknown> | undefined;
    const stored = Promise.withResolvers<void>();
    s3.before = async (request) => {
      if (!isDeletion(request)) return;
      // It was found to be old, and is not deleted yet.
      s3.before = async ({ path }) => {
        if (path.includes("collections")) stored.resolve();
      };
      await s3.overwrite(`${prefix()}/objects/${key}`, Buffer.from("less"));
      again = other.put(inPieces(content), limits);
      await stored.promise;
    };
    expect(await blobs.deleteOlder([key], soon())).toEqual([key]);
    await again;
    expect((await gathered(other.get(key))).equals(content)).toBe(true);
  });

  test("that were announced by a process that is no more do not hold up uploads for ever", async () => {
    await s3.overwrite(`${prefix()}/collections/left`, Buffer.alloc(0));
    let nowMs = 0;
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => nowMs,
      sleep: async (ms, signal) => {
        if (ms > 1_000) return systemClock.sleep(ms, signal);
        nowMs += 60_000;
      },
    };
    const later = held.use(await openBlobStore({ url: s3.url(prefix()), spoolDirectory, clock }));
    const { key } = await later.put(inPieces(Buffer.from("a")), limits);
    expect(await later.has(key)).toBe(true);
    expect(seen().filter((one) => one.startsWith("DELETE"))).toEqual(["DELETE collections/left?x-id=DeleteObject"]);
  });

  test("are refused once the objects are another installation's", async () => {
    const { key } = await blobs.put(inPieces(Buffer.from("a")), limits);
    const other = await opened();
    expect(await other.claim("another one")).toBe(false);
    await expect(other.deleteOlder([key], soon())).rejects.toThrow("another windlassd's now: nothing is deleted");
    expect(await other.claim("another one", { isTaking: true })).toBe(true);
    expect(await other.claim("another one")).toBe(true);
    await expect(blobs.deleteOlder([key], soon())).rejects.toThrow("another windlassd's now: nothing is deleted");
    expect(await blobs.has(key)).toBe(true);
    expect(await other.deleteOlder([key], soon())).toEqual([key]);
  });

  test("go through long lists page by page", async () => {
    const keys: string[] = [];
    for (let at = 0; at < 7; at += 1) keys.push((await blobs.put(inPieces(Buffer.from(`${at}`)), limits)).key);
    s3.requests.length = 0;
    s3.pageSize = 3;
    const listed = (await Array.fromAsync(blobs.list())).map(({ key }) => key);
    expect(listed.toSorted()).toEqual(keys.toSorted());
    expect(seen()).toHaveLength(3);
    expect(await blobs.deleteOlder(keys, soon())).toEqual(keys);
    expect(await blobs.usage()).toEqual({ count: 0, bytes: 0 });
  });
});
