import { expect, test } from "vitest";
import { BatchMemory } from "./batch-memory.ts";
import type { LogOperation } from "./operations.ts";

const append = (stream: string, text: string): LogOperation => ({
  ...{ kind: "append", stream, offset: 0, atMs: 0 },
  bytes: Buffer.from(text),
});

const bytesOf = (operation: LogOperation | undefined) => (operation?.kind === "append" ? operation.bytes : undefined);
const textOf = (operation: LogOperation) => Buffer.from(bytesOf(operation) ?? []).toString();

test("operations keep their order, and bytes of one stream stand behind each other", () => {
  const given = [append("a", "one"), append("b", "x"), { kind: "reopen", stream: "b" } as const, append("a", "two")];
  const { operations } = new BatchMemory().pack(given);
  expect(operations.map(textOf)).toEqual(["one", "x", "", "two"]);
  const [first, , , last] = operations.map(bytesOf);
  expect(last?.buffer).toBe(first?.buffer);
  expect(last?.byteOffset).toBe((first?.byteOffset ?? 0) + 3);
});

test("memory is used again only when its batch is done", () => {
  const memory = new BatchMemory();
  const first = memory.pack([append("a", "first")]);
  const second = memory.pack([append("a", "second")]);
  expect(first.operations.map(textOf)).toEqual(["first"]);
  first.free();
  const third = memory.pack([append("a", "third")]);
  expect(bytesOf(third.operations[0])?.buffer).toBe(bytesOf(first.operations[0])?.buffer);
  expect(second.operations.map(textOf)).toEqual(["second"]);
});

test("a batch that is larger than any before gets memory of its size", () => {
  const memory = new BatchMemory();
  memory.pack([append("a", "small")]).free();
  const large = "x".repeat(1_000_000);
  expect(memory.pack([append("a", large)]).operations.map(textOf)).toEqual([large]);
});
