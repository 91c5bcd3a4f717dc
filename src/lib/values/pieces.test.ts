import { expect, test } from "vitest";
import { Seeded } from "../../../test/support/seeded.ts";
import { addPiece } from "./pieces.ts";

const joined = (sizes: Iterable<number>) => {
  const pieces: Uint8Array[] = [];
  const all: Buffer[] = [];
  let next = 0;
  for (const size of sizes) {
    const piece = Buffer.from(Array.from({ length: size }, () => next++ % 251));
    all.push(piece);
    addPiece(pieces, piece);
  }
  return { pieces, whole: Buffer.concat(all) };
};

test("single bytes are held in a few pieces", () => {
  const { pieces, whole } = joined(Array.from({ length: 60_000 }, () => 1));
  expect(pieces.length).toBeLessThan(40);
  expect(Buffer.concat(pieces).equals(whole)).toBe(true);
});

test("whatever the sizes are, nothing is lost, and no piece is as small as a crowd of them would need", () => {
  const random = new Seeded(7);
  const { pieces, whole } = joined(Array.from({ length: 3_000 }, () => random.between(0, 3_000)));
  expect(Buffer.concat(pieces).equals(whole)).toBe(true);
  expect(pieces.length).toBeLessThan(whole.length / 2_000);
});

test("large pieces stay as they came", () => {
  const large = Buffer.alloc(16 * 1024);
  const pieces: Uint8Array[] = [];
  addPiece(pieces, large);
  addPiece(pieces, large);
  expect(pieces.map((piece) => piece === large)).toEqual([true, true]);
});
