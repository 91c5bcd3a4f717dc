import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { until } from "../../../test/support/until.ts";
import { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import { JobArtifacts } from "./artifacts.ts";
import { type Ask, download } from "./download.ts";
import { type CachedObject, DownloadCache } from "./download-cache.ts";

const kib = 1024;
const content = randomBytes(300 * kib + 5);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const never = new AbortController().signal;

let dir: string;
let clock: ManualClock;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-download-"));
  clock = new ManualClock();
});
afterEach(() => rm(dir, { recursive: true }));

/** A server, which counts what it is asked for; `cutAfter` ends each call with an error after so many bytes. */
function server({ cutAfter = Number.MAX_SAFE_INTEGER, isOld = false, bytes = content as Uint8Array } = {}) {
  const asked: { readonly offset: number; readonly maxBytes: number }[] = [];
  const ask: Ask = async function* ({ offset, maxBytes }) {
    asked.push({ offset: Number(offset), maxBytes: Number(maxBytes) });
    const to = maxBytes === 0n ? bytes.length : Number(offset + maxBytes);
    const wanted = isOld ? bytes : bytes.subarray(Number(offset), to);
    for (let at = 0; at < wanted.length; at += 10 * kib) {
      if (at >= cutAfter) throw new ConnectError("cut", Code.Unavailable);
      yield { chunk: wanted.subarray(at, at + 10 * kib) };
    }
  };
  return { ask, asked };
}

const options = (ask: Ask, onBytes: (bytes: number) => void = () => {}) => ({
  ...{ ask, clock, onBytes, onBegin: () => {} },
  file: join(dir, "part"),
  sizeBytes: content.length,
  pace: new TransferPace(clock, { minBytes: 32 * kib, maxBytes: 128 * kib, maxLanes: 3 }),
});
const got = () => readFile(join(dir, "part"));

describe("a download", () => {
  test("comes in pieces, which are larger where they are quick", async () => {
    const { ask, asked } = server();
    let received = 0;
    await download(
      options(ask, (bytes) => {
        received += bytes;
      }),
      never,
    );
    expect(Buffer.compare(await got(), content)).toBe(0);
    expect(received).toBe(content.length);
    expect(asked[0]).toEqual({ offset: 0, maxBytes: 32 * kib });
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.length).toBeLessThan(8);
  });

  test("goes on from what lies on the disk: each try that is cut brings it forward", async () => {
    const { ask, asked } = server({ cutAfter: 20 * kib });
    let tries = 0;
    for (let isDone = false; !isDone; tries += 1) {
      isDone = await download(options(ask), never).then(
        () => true,
        () => false,
      );
      if (tries > 100) throw new Error("it does not come to an end");
    }
    expect(Buffer.compare(await got(), content)).toBe(0);
    expect(asked.filter(({ offset }) => offset === 0)).toHaveLength(1);
  });

  test("asks for nothing when all is there, and begins anew when too much is", async () => {
    const { ask, asked } = server();
    await writeFile(join(dir, "part"), content);
    await download(options(ask), never);
    expect(asked).toEqual([]);
    await writeFile(join(dir, "part"), Buffer.alloc(content.length + 1));
    await download(options(ask), never);
    expect(Buffer.compare(await got(), content)).toBe(0);
  });

  test("of a server that knows no ranges is taken as a whole", async () => {
    const { ask, asked } = server({ isOld: true });
    await writeFile(join(dir, "part"), content.subarray(0, 50 * kib));
    await download(options(ask), never);
    expect(Buffer.compare(await got(), content)).toBe(0);
    expect(asked.at(-1)).toEqual({ offset: 0, maxBytes: 0 });
  });

  test("that says nothing for 30 seconds has failed, however long it took before", async () => {
    const stalled = Promise.withResolvers<void>();
    let chunks = 0;
    const slow: Ask = async function* (_range, signal) {
      for (; chunks < 4; chunks += 1) {
        await clock.sleep(29_000, signal);
        yield { chunk: content.subarray(chunks * kib, (chunks + 1) * kib) };
      }
      stalled.resolve();
      await clock.sleep(10_000_000, signal);
    };
    const outcome = download(options(slow), never).catch((error: Error) => error.message);
    while (chunks < 4) await clock.advance(1_000);
    await stalled.promise;
    await clock.advance(30_000);
    expect(await outcome).toMatch(/nothing for 30 seconds/);
    expect((await got()).length).toBe(4 * kib);
  });

  test("that is refused before anybody reads it fails, and nothing else does", async () => {
    const refuse = () => Promise.reject(new ConnectError("nobody listens", Code.Unavailable));
    const transport: Transport = { unary: refuse, stream: refuse };
    const { plan } = new JobArtifacts(transport, "wdl_job_test");
    await expect(download(options(plan), never)).rejects.toThrow("nobody listens");
  });
});

describe("what was fetched", () => {
  const object: CachedObject = {
    ...{ kind: "configuration", what: "the configuration" },
    ...{ sha256: sha256(content), sizeBytes: content.length },
  };
  const secret: CachedObject = { ...object, kind: "secret", what: "the plan" };
  type Fetch = (part: string, onBytes: (bytes: number) => void) => Promise<void>;
  const by = (fetch: Fetch, onBytes: (bytes: number) => void = () => {}, signal = never) => ({
    fetch,
    onBytes,
    signal,
  });
  const cacheOf = (maxBytes = 10_000_000) =>
    new DownloadCache({ directory: join(dir, "cache"), maxBytes, minFreeBytes: 0, clock });
  const fetching = (bytes: Uint8Array, calls: string[] = []) => {
    const fetch = async (part: string) => {
      calls.push(part);
      await writeFile(part, bytes);
    };
    return { calls, fetch: by(fetch) };
  };
  const target = () => join(dir, "target");
  const mustNotFetch = by(() => Promise.reject(new Error("it was fetched again")));

  test("is not fetched again, and what is given out is a copy", async () => {
    const cache = cacheOf();
    await cache.place(object, target(), fetching(content).fetch);
    await writeFile(target(), "spoilt by a job");
    await cache.place(object, join(dir, "second"), mustNotFetch);
    expect(Buffer.compare(await readFile(join(dir, "second")), content)).toBe(0);
  });

  test("and was changed on the disk is fetched again", async () => {
    const cache = cacheOf();
    const { fetch, calls } = fetching(content);
    await cache.place(object, target(), fetch);
    await writeFile(join(dir, "cache", `${object.sha256}.configuration`), "another");
    await cache.place(object, target(), fetch);
    expect(calls).toHaveLength(2);
    expect(Buffer.compare(await readFile(target()), content)).toBe(0);
  });

  test("goes on from an earlier try, also of another process", async () => {
    const first = cacheOf().place(
      object,
      target(),
      by(async (part) => {
        await writeFile(part, content.subarray(0, 100));
        throw new ConnectError("cut", Code.Unavailable);
      }),
    );
    await expect(first).rejects.toThrow("cut");
    let found = 0;
    await cacheOf().place(
      object,
      target(),
      by(async (part) => {
        found = (await readFile(part)).length;
        await writeFile(part, content);
      }),
    );
    expect(found).toBe(100);
  });

  test("is begun anew once when what lay there was another object, and refused when it is what came", async () => {
    const cache = cacheOf();
    await cache
      .place(
        object,
        target(),
        by(async (part) => {
          await writeFile(part, content.subarray(0, 100));
          throw new Error("cut");
        }),
      )
      .catch(() => {});
    let tries = 0;
    await cache.place(
      object,
      target(),
      by(async (part) => {
        tries += 1;
        await writeFile(part, tries === 1 ? Buffer.alloc(content.length) : content);
      }),
    );
    expect(tries).toBe(2);
    await cache.forget(object);
    await expect(cache.place(object, target(), fetching(Buffer.from("other")).fetch)).rejects.toThrow(
      /the configuration is not what was announced/,
    );
  });

  test("is fetched once for two jobs that want it at the same time", async () => {
    const cache = cacheOf();
    const { fetch, calls } = fetching(content);
    await Promise.all([cache.place(object, target(), fetch), cache.place(object, join(dir, "second"), fetch)]);
    expect(calls).toHaveLength(1);
  });

  test("tells both of the bytes that come for one, and lets the other go when nobody wants it any more", async () => {
    const cache = cacheOf();
    const begun = Promise.withResolvers<(bytes: number) => void>();
    const goOn = Promise.withResolvers<void>();
    const slow = by(async (part, onBytes) => {
      begun.resolve(onBytes);
      await goOn.promise;
      await writeFile(part, content);
    });
    const first = cache.place(object, target(), slow);
    const tell = await begun.promise;
    let heard = 0;
    const leaving = new AbortController();
    const hear = (bytes: number) => {
      heard += bytes;
    };
    const second = cache.place(object, join(dir, "second"), by(slow.fetch, hear, leaving.signal));
    tell(7);
    expect(heard).toBe(7);
    leaving.abort(new Error("gone"));
    await expect(second).rejects.toThrow("gone");
    goOn.resolve();
    await first;
    expect(Buffer.compare(await readFile(target()), content)).toBe(0);
  });

  test("is given away and not copied when the disk is short", async () => {
    const cache = new DownloadCache({
      ...{ directory: join(dir, "cache"), maxBytes: 10_000_000 },
      ...{ minFreeBytes: Number.MAX_SAFE_INTEGER, clock },
    });
    await cache.place(object, target(), fetching(content).fetch);
    expect(Buffer.compare(await readFile(target()), content)).toBe(0);
    const { readdir } = await import("node:fs/promises");
    expect(await readdir(join(dir, "cache"))).toEqual([]);
    await cache.keep(object, target());
    expect(await readdir(join(dir, "cache"))).toEqual([]);
  });

  test("lies there for its owner alone, and for no more than an hour if it is a secret", async () => {
    const cache = cacheOf();
    await cache.place(secret, target(), fetching(content).fetch);
    await cache.place(object, target(), fetching(content).fetch);
    const { stat, utimes, readdir } = await import("node:fs/promises");
    expect((await stat(join(dir, "cache"))).mode & 0o777).toBe(0o700);
    const old = new Date(clock.now().getTime() - 3_600_001);
    for (const name of await readdir(join(dir, "cache"))) await utimes(join(dir, "cache", name), old, old);
    await cache.tidy();
    expect(await readdir(join(dir, "cache"))).toEqual([`${object.sha256}.configuration`]);
  });

  test("has a bound, and gives way when the disk is short, but for what is being fetched", async () => {
    const cache = cacheOf(2 * content.length);
    const { readdir, utimes } = await import("node:fs/promises");
    for (const seed of [1, 2, 3]) {
      const bytes = Buffer.concat([content.subarray(1), Buffer.of(seed)]);
      const one = { ...object, sha256: sha256(bytes) };
      await cache.place(one, target(), fetching(bytes).fetch);
      await utimes(join(dir, "cache", `${one.sha256}.configuration`), seed, seed).catch(() => {});
    }
    expect((await readdir(join(dir, "cache"))).length).toBeLessThanOrEqual(2);
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const placing = cache.place(
      object,
      target(),
      by(async (part) => {
        await writeFile(part, content.subarray(0, 10));
        begun.resolve();
        await goOn.promise;
        await writeFile(part, content);
      }),
    );
    await begun.promise;
    expect(await cache.clear()).toBe(true);
    expect(await readdir(join(dir, "cache"))).toEqual([`${object.sha256}.configuration.part`]);
    goOn.resolve();
    await placing;
    await until("it is there", async () => Buffer.compare(await readFile(target()), content) === 0);
  });
});
