import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { memoryBlobs } from "../../../test/support/memory-blobs.ts";
import { systemRandom } from "../../lib/random.ts";
import { readSealedFrom, storeSealed } from "./sealed-blobs.ts";
import { openStreamFrom, sealStream } from "./sealed-stream.ts";
import { createVault } from "./vault.ts";

const vault = createVault(new Uint8Array(32).fill(1), systemRandom);
const content = randomBytes(600_000);
const places = [0, 1, 15, 16, 17, 262_143, 262_144, 262_145, 599_999, 600_000, 600_001, Number.MAX_SAFE_INTEGER];
const whole = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(pieces));

async function* inPieces(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Objects whose reading is counted. */
function countedBlobs() {
  const blobs = memoryBlobs();
  const reads: number[] = [];
  const get = (key: string, from = 0) => {
    reads.push(from);
    return blobs.get(key, from);
  };
  return { blobs: { ...blobs, get }, reads };
}

describe("a sealed object", () => {
  test.each(places)("is opened from byte %i on", async (from) => {
    const { blobs } = countedBlobs();
    const key = await storeSealed({ blobs, vault }, content, "state/sv_1");
    const got = await whole(readSealedFrom({ blobs, vault }, { key, subject: "state/sv_1" }, from));
    expect(Buffer.compare(got, content.subarray(from))).toBe(0);
  });

  test("is looked at as a whole once: later ranges read what they want", async () => {
    const { blobs, reads } = countedBlobs();
    const key = await storeSealed({ blobs, vault }, content, "state/sv_1");
    const range = (from: number) => whole(readSealedFrom({ blobs, vault }, { key, subject: "state/sv_1" }, from));
    await range(500_000);
    reads.length = 0;
    await range(400_000);
    expect(reads).toEqual([0, 400_000 + 21]);
  });

  test("gives no range of itself that nobody has sealed, or for another subject", async () => {
    const { blobs } = countedBlobs();
    const key = await storeSealed({ blobs, vault }, content, "state/sv_1");
    const bytes = await whole(blobs.get(key));
    bytes[300_000] = (bytes[300_000] ?? 0) ^ 1;
    const { key: spoilt } = await blobs.put(inPieces(bytes), { maxBytes: 1_000_000 });
    const range = (of: string, subject: string) =>
      whole(readSealedFrom({ blobs, vault }, { key: of, subject }, 500_000));
    await expect(range(spoilt, "state/sv_1")).rejects.toThrow("changed outside of windlassd");
    await expect(range(key, "state/sv_2")).rejects.toThrow("changed outside of windlassd");
  });
});

test.each(places)("a sealed stream is opened from byte %i on, and nothing before is read", async (from) => {
  const sealed = await whole(sealStream(vault, inPieces(content), "plan-files/run_1"));
  let firstRead = -1;
  const read = (at: number) => {
    firstRead = at;
    return inPieces(sealed.subarray(at));
  };
  const got = await whole(openStreamFrom({ vault, read }, "plan-files/run_1", from));
  expect(Buffer.compare(got, content.subarray(from))).toBe(0);
  expect(firstRead).toBeGreaterThanOrEqual(Math.floor(from / 262_144) * 262_144);
});
