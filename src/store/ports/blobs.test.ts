import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { pooledEngines } from "../../../test/engines.ts";
import { openTestS3, type TestS3, testKeys } from "../../../test/support/s3-server.ts";
import { until } from "../../../test/support/until.ts";
import { readEnvironment } from "../../lib/environment.ts";
import { openFileBlobStore } from "../blobs/files.ts";
import { openBlobStore } from "../open.ts";
import type { BlobStore } from "./blobs.ts";

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

async function* inPieces(content: Uint8Array, size = 10_000): AsyncIterable<Uint8Array> {
  for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
}

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(1024 * 1024);
    all.push(piece);
  }
  return Buffer.concat(all);
}

const limits = { maxBytes: 10_000_000 };

let s3: TestS3;
beforeAll(async () => {
  s3 = await openTestS3();
});
afterAll(() => s3[Symbol.asyncDispose]());

/**
 * `WINDLASS_TEST_S3='s3://bucket?endpoint=http://127.0.0.1:9000' AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… npx vitest run
 * src/store/ports/blobs.test.ts` asks a store of yours, too. Objects are left there.
 */
const { WINDLASS_TEST_S3: realS3, ...atStart } = readEnvironment();
const realRun = randomBytes(4).toString("hex");

/** Keys of the server of tests are in the environment by now. */
function realUrl(url: string): string {
  for (const name of Object.keys(testKeys)) vi.stubEnv(name, atStart[name]);
  const [place = "", query] = url.split("?");
  return `${place.replace(/\/$/, "")}/${realRun}/${nextPrefix()}${query === undefined ? "" : `?${query}`}`;
}

let prefixes = 0;
const nextPrefix = () => {
  prefixes += 1;
  return `test-${prefixes}`;
};
const kinds = [
  ...pooledEngines.map(({ name, settings, urls }) => ({
    settings,
    name: name === "sqlite" ? "files" : name,
    url: async (held: AsyncDisposableStack) => (await urls(held)).objects,
  })),
  { name: "S3", settings: undefined, url: async () => s3.url(nextPrefix()) },
  ...(realS3 === undefined ? [] : [{ name: "a real S3", settings: undefined, url: async () => realUrl(realS3) }]),
];

describe.each(kinds)("the object store of $name", ({ url, settings }) => {
  let held: AsyncDisposableStack;
  let blobs: BlobStore;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    blobs = held.use(await openBlobStore({ url: await url(held), settings }));
    expect(await blobs.claim("this installation")).toBe(true);
  });
  afterEach(async () => {
    await held.disposeAsync();
    vi.unstubAllEnvs();
  });

  test.each([0, 1, 262_143, 262_144, 262_145, 2_000_000])("%i bytes come back under their SHA-256", async (length) => {
    const content = randomBytes(length);
    const blob = await blobs.put(inPieces(content), limits);
    expect(blob).toEqual({ key: sha256(content), sha256: sha256(content), bytes: length });
    expect(await blobs.has(blob.key)).toBe(true);
    expect(Buffer.compare(await gathered(blobs.get(blob.key)), content)).toBe(0);
  });

  test("a large object, also one that is put twice at once, is stored as a whole", async () => {
    const content = randomBytes(17_000_000);
    const large = { maxBytes: content.length };
    const put = await Promise.all([1, 2].map(() => blobs.put(inPieces(content, 1_000_000), large)));
    expect(put).toEqual([1, 2].map(() => ({ key: sha256(content), sha256: sha256(content), bytes: content.length })));
    const { key } = await blobs.put(inPieces(content, 1_000_000), large);
    expect(sha256(await gathered(blobs.get(key)))).toBe(key);
    expect(await blobs.usage()).toEqual({ count: 1, bytes: content.length });
  });

  test.each([0, 1, 262_143, 262_144, 262_145, 600_000, 699_999, 700_000, 700_001, Number.MAX_SAFE_INTEGER])(
    "what follows byte %i comes back alone",
    async (from) => {
      const content = randomBytes(700_000);
      const { key } = await blobs.put(inPieces(content), limits);
      expect(Buffer.compare(await gathered(blobs.get(key, from)), content.subarray(from))).toBe(0);
    },
  );

  test.each([
    [0, 0],
    [0, 1],
    [1, 262_144],
    [262_144, 262_145],
    [262_000, 600_000],
    [699_999, 700_000],
    [699_999, 900_000],
    [700_000, 900_000],
    [5, 4],
  ])("the bytes from %i to %i come back alone", async (from, to) => {
    const content = randomBytes(700_000);
    const { key } = await blobs.put(inPieces(content), limits);
    expect(Buffer.compare(await gathered(blobs.get(key, from, to)), content.subarray(from, Math.max(from, to)))).toBe(
      0,
    );
  });

  test("one large piece comes back in small ones", async () => {
    const content = randomBytes(3_000_000);
    const { key } = await blobs.put(inPieces(content, content.length), limits);
    expect(Buffer.compare(await gathered(blobs.get(key)), content)).toBe(0);
  });

  test("what all objects take is told", async () => {
    for (const length of [10, 300_000]) await blobs.put(inPieces(randomBytes(length)), limits);
    expect(await blobs.usage()).toEqual({ count: 2, bytes: 300_010 });
  });

  test("the same content put twice, also at once, is one object", async () => {
    const content = randomBytes(300_000);
    const put = await Promise.all([1, 2, 3].map(() => blobs.put(inPieces(content), limits)));
    expect(new Set(put.map(({ key }) => key)).size).toBe(1);
    const key = put[0]?.key ?? "";
    expect((await gathered(blobs.get(key))).length).toBe(300_000);
    await blobs.delete(key);
    expect(await blobs.has(key)).toBe(false);
  });

  test("an upload over its limit is refused and leaves nothing", async () => {
    const content = randomBytes(1_000);
    await expect(blobs.put(inPieces(content, 100), { maxBytes: 999 })).rejects.toMatchObject({
      code: "upload_too_large",
    });
    expect(await blobs.has(sha256(content))).toBe(false);
    await expect(blobs.put(inPieces(content, 100), { maxBytes: 1_000 })).resolves.toMatchObject({ bytes: 1_000 });
  });

  test("an upload that breaks off leaves nothing", async () => {
    const breaking = async function* () {
      yield randomBytes(500_000);
      throw new Error("the caller went away");
    };
    await expect(blobs.put(breaking(), limits)).rejects.toThrow("went away");
  });

  test("what is stored is listed with its size and when it was put", async () => {
    const started = Date.now() - 2_000;
    const keys = [];
    for (const length of [0, 10, 300_000]) keys.push((await blobs.put(inPieces(randomBytes(length)), limits)).key);
    const listed = await Array.fromAsync(blobs.list());
    expect(listed.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    expect(listed.map(({ bytes }) => bytes).toSorted((a, b) => a - b)).toEqual([0, 10, 300_000]);
    for (const { storedAt } of listed) {
      expect(storedAt.getTime()).toBeGreaterThan(started);
      expect(storedAt.getTime()).toBeLessThan(Date.now() + 2_000);
    }
  });

  test("an old object is deleted, one that was put again since is not", async () => {
    const content = randomBytes(700_000);
    const { key } = await blobs.put(inPieces(content), limits);
    const between = new Date(Date.now() + 5);
    await until("time has passed", () => Date.now() > between.getTime() + 5);
    await blobs.put(inPieces(content), limits);
    const missing = "0".repeat(64);
    expect(await blobs.deleteOlder([key, missing], between)).toEqual([]);
    expect(Buffer.compare(await gathered(blobs.get(key)), content)).toBe(0);
    expect(await blobs.deleteOlder([key], new Date(Date.now() + 60_000))).toEqual([key]);
    expect(await blobs.has(key)).toBe(false);
    expect(await blobs.deleteOlder([key], new Date(Date.now() + 60_000))).toEqual([]);
  });

  test("a reader is not disturbed by the same content put again", async () => {
    const content = randomBytes(2_000_000);
    const { key } = await blobs.put(inPieces(content), limits);
    const read: Uint8Array[] = [];
    for await (const piece of blobs.get(key)) {
      if (read.length === 1) await blobs.put(inPieces(content), limits);
      read.push(piece);
    }
    expect(Buffer.compare(Buffer.concat(read), content)).toBe(0);
  });

  test("what is not there is not found; deleting it is nothing", async () => {
    const key = "0".repeat(64);
    expect(await blobs.has(key)).toBe(false);
    await expect(gathered(blobs.get(key))).rejects.toMatchObject({ code: "not_found" });
    await expect(blobs.delete(key)).resolves.toBeUndefined();
  });

  test("a key that is no hash names nothing, whatever it looks like", async () => {
    for (const key of ["../../etc/passwd", "", "A".repeat(64)]) {
      await expect(gathered(blobs.get(key))).rejects.toMatchObject({ code: "not_found" });
      await expect(blobs.delete(key)).rejects.toMatchObject({ code: "not_found" });
    }
  });
});

describe("the object store of files", () => {
  test("what a crash left half-written is removed at the next start, and nothing else", async () => {
    const root = await mkdtemp(join(tmpdir(), "windlass-blobs-"));
    try {
      const { key } = await (await openFileBlobStore(root)).put(inPieces(randomBytes(10)), limits);
      await mkdir(join(root, "incoming"), { recursive: true });
      await writeFile(join(root, "incoming", "half"), "half");
      const store = await openFileBlobStore(root);
      expect(await readdir(join(root, "incoming"))).toEqual([]);
      expect(await store.has(key)).toBe(true);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test("uploads leave no temporary file, refused ones neither", async () => {
    const root = await mkdtemp(join(tmpdir(), "windlass-blobs-"));
    try {
      const store = await openFileBlobStore(root);
      await store.put(inPieces(randomBytes(10)), limits);
      await store.put(inPieces(randomBytes(10)), { maxBytes: 5 }).catch(() => undefined);
      expect(await readdir(join(root, "incoming"))).toEqual([]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test("a listing that tidies removes the directories that are empty, and no listing else", async () => {
    await using held = new AsyncDisposableStack();
    const root = await mkdtemp(join(tmpdir(), "windlass-blobs-"));
    held.defer(() => rm(root, { recursive: true, force: true }));
    const store = await openFileBlobStore(root);
    const keys = await Promise.all(Array.from({ length: 30 }, () => store.put(inPieces(randomBytes(10)), limits)));
    const [kept, ...gone] = keys.map(({ key }) => key);
    expect(await store.deleteOlder(gone, new Date(Date.now() + 3_600_000))).toEqual(gone);
    const directories = async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).length;
    };
    const before = await directories();
    expect((await Array.fromAsync(store.list())).map(({ key }) => key)).toEqual([kept]);
    expect(await directories()).toBe(before);
    expect((await Array.fromAsync(store.list({ isTidying: true }))).map(({ key }) => key)).toEqual([kept]);
    expect(await directories()).toBe(["incoming", "ab", "ab/cd"].length);
  });

  test("whoever stores an object is not in the way of who removes its empty directory, nor the other way round", async () => {
    await using held = new AsyncDisposableStack();
    const root = await mkdtemp(join(tmpdir(), "windlass-blobs-"));
    held.defer(() => rm(root, { recursive: true, force: true }));
    const store = await openFileBlobStore(root);
    const content = randomBytes(10);
    let isOver = false;
    const tidying = [1, 2, 3].map(async () => {
      while (!isOver) for await (const _ of store.list({ isTidying: true }));
    });
    const soon = new Date(Date.now() + 3_600_000);
    for (let round = 0; round < 300; round += 1) {
      const { key } = await store.put(inPieces(content), limits);
      expect(await store.has(key)).toBe(true);
      // An object that is young goes aside and comes back: its directory may be gone by then.
      expect(await store.deleteOlder([key], new Date(0))).toEqual([]);
      expect(await store.has(key)).toBe(true);
      await store.deleteOlder([key], soon);
    }
    isOver = true;
    await Promise.all(tidying);
  });
});

test.each(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"])(
  "what the machine lacks now, as %s, may be tried again",
  async (code) => {
    const root = await mkdtemp(join(tmpdir(), "windlass-blobs-"));
    try {
      const store = await openFileBlobStore(root);
      const failing = (async function* () {
        yield Buffer.from("the beginning");
        throw Object.assign(new Error("no more"), { code });
      })();
      await expect(store.put(failing, limits)).rejects.toMatchObject({ code: "storage_unavailable" });
      expect(await readdir(root, { recursive: true })).not.toContainEqual(expect.stringMatching(/incoming\/./));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
);
