import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { checkArchive, defaultArchiveLimits } from "../../../src/lib/archive/unpack.ts";
import { FolderTooLarge, packFiles } from "./pack.ts";

const never = new AbortController().signal;
const noise = (bytes: number): Blob => new Blob([crypto.getRandomValues(new Uint8Array(bytes))]);
const text = (content: string): Blob => new Blob([content]);

const files = [
  { path: "empty.tf", file: text("") },
  { path: `${"long/".repeat(30)}${"n".repeat(200)}.tf`, file: text("x") },
  { path: "exact.tf", file: text("x".repeat(512)) },
  { path: "ä/日本.tf", file: text("ö") },
  { path: "large.bin", file: noise(60_000) },
];

test("the server takes what is packed, long and foreign names included, and the same files are the same archive", async () => {
  const read: number[] = [];
  const packing = { maxBytes: 1_000_000, onRead: (bytes: number) => read.push(bytes) };
  const archive = await packFiles(files, packing, never);
  expect(await checkArchive(streamOf(archive), defaultArchiveLimits)).toMatchObject({ files: 5 });
  expect(read).toEqual([0, 1, 513, 515, 60_515]);
  const again = await packFiles(files, packing, never);
  expect(await sha256(again)).toBe(await sha256(archive));
});

test("a folder that is packed beyond the limit, one that cannot be read, and one that nobody wants any more end", async () => {
  const packing = { maxBytes: 10_000, onRead: () => {} };
  await expect(packFiles(files, packing, never)).rejects.toBeInstanceOf(FolderTooLarge);
  const broken = Object.assign(text("gone"), {
    stream: () => new ReadableStream({ start: (controller) => controller.error(new Error("gone")) }),
  });
  await expect(packFiles([{ path: "a.tf", file: broken }], packing, never)).rejects.toThrow("gone");
  const ended = AbortSignal.abort();
  await expect(packFiles(files, packing, ended)).rejects.toMatchObject({ name: "AbortError" });
});

const sha256 = async (blob: Blob) =>
  createHash("sha256")
    .update(Buffer.from(await blob.arrayBuffer()))
    .digest("hex");

async function* streamOf(blob: Blob): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await blob.arrayBuffer());
}
