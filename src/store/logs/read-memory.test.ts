import { expect, test } from "vitest";
import { type MemoryLoan, ReadMemory } from "./read-memory.ts";

const kib = 1024;
const sizeOf = (loan: MemoryLoan | undefined) => loan && loan.memory.byteLength / kib;

test("memory that was given back is lent again; no more is lent than all may have", () => {
  const memory = new ReadMemory(1024 * kib, 1024 * kib);
  const loans = [1, 2, 256 * kib, 5].map((bytes) => memory.take(bytes));
  expect(loans.map(sizeOf)).toEqual([256, 256, 256, 256]);
  expect(memory.take(1)).toBeUndefined();
  const [loan] = loans;
  if (loan === undefined) throw new Error("nothing was lent");
  // On its way to a thread and back it becomes another object.
  const moved = loan.memory.transfer();
  const lent = loan.holding(moved);
  lent.giveBack();
  lent.giveBack();
  lent[Symbol.dispose]();
  expect(memory.take(7)?.memory).toBe(moved);
  expect(memory.take(1)).toBeUndefined();
});

test("what is not given back, or comes back as something else, is made anew", () => {
  const memory = new ReadMemory(1024 * kib, 256 * kib);
  const [lost, other] = [memory.take(1), () => memory.take(1)];
  lost?.holding(lost.memory)[Symbol.dispose]();
  const second = other();
  expect(second?.memory).not.toBe(lost?.memory);
  second?.holding(new ArrayBuffer(8)).giveBack();
  const third = other();
  third?.holding(new SharedArrayBuffer(256 * kib)).giveBack();
  expect(sizeOf(other())).toBe(256);
});

test("what lies free in one size makes room for the other", () => {
  const memory = new ReadMemory(1024 * kib, 1024 * kib);
  const narrow = [memory.take(1), memory.take(1)];
  for (const loan of narrow) loan?.holding(loan.memory).giveBack();
  const wide = memory.take(300 * kib);
  expect(sizeOf(wide)).toBe(1024);
  expect(memory.take(1)).toBeUndefined();
  wide?.holding(wide.memory).giveBack();
  expect(sizeOf(memory.take(1))).toBe(256);
});
