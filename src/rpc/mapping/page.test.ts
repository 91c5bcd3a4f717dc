import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { nameCursor } from "../../control/core/cursor.ts";
import { pageByKey, pageOfAll } from "../../control/core/pages.ts";
import { RunEventSchema, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { ListRunEventsResponseSchema, ListRunsResponseSchema } from "../../gen/windlass/v1/run_service_pb.ts";
import { fromPage, maxPageBytes, toFirstMessages, toPage, toPieces } from "./page.ts";

const nameOf = (n: number) => String(n).padStart(6, "0");
/** Rows of three bytes a character. */
const rowsOf = (count: number, characters: number) =>
  Array.from({ length: count }, (_, n) => ({ name: nameOf(n), text: "€".repeat(characters) }));

type Row = ReturnType<typeof rowsOf>[number];

async function everyPage(rows: readonly Row[], size: number) {
  const names: string[] = [];
  const bytes: number[] = [];
  for (let token = ""; ; ) {
    const page = await pageByKey(
      { size, token },
      {
        cursor: nameCursor,
        read: async ({ after, limit }) => rows.filter(({ name }) => after === null || name > after).slice(0, limit),
        keyOf: ({ name }) => name,
      },
    );
    const { messages: runs, nextPageToken } = toPage(page, RunSchema, ({ name: id, text }) => ({
      id,
      message: text,
    }));
    names.push(...runs.map(({ id }) => id));
    bytes.push(toBinary(ListRunsResponseSchema, create(ListRunsResponseSchema, { runs, nextPageToken })).length);
    token = nextPageToken;
    if (token === "") return { names, bytes };
  }
}

test("a page ends at 1 MiB of its encoded answer, and the next one goes on after its last row", async () => {
  for (const [count, characters, pages] of [
    [1_000, 1_024, 3],
    [10, 150_000, 5],
    [1_000, 1, 1],
  ] as const) {
    const { names, bytes } = await everyPage(rowsOf(count, characters), 1_000);
    expect(names).toEqual(Array.from({ length: count }, (_, n) => nameOf(n)));
    expect(bytes.length).toBe(pages);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(maxPageBytes);
  }
});

test("a row that is larger stands alone", async () => {
  const { names, bytes } = await everyPage(rowsOf(3, 400_000), 1_000);
  expect([names.length, bytes.length]).toEqual([3, 3]);
});

test("the size of a page in rows holds too, also of a list that is all in memory", () => {
  const rows = rowsOf(5, 1);
  const one = pageOfAll({ size: 2, token: "" }, rows);
  const two = pageOfAll({ size: 2, token: one.nextToken }, rows);
  const three = pageOfAll({ size: 2, token: two.tokenAfter(1) }, rows);
  expect([one, two, three].map((page) => page.rows.map(({ name }) => Number(name)))).toEqual([
    [0, 1],
    [2, 3],
    [3, 4],
  ]);
  expect(three.nextToken).toBe("");
});

test("messages come in pieces that are no larger than a page, in their order", () => {
  const events = rowsOf(1_000, 1_000).map(({ name, text }) => create(RunEventSchema, { title: name, comment: text }));
  const pieces = [...toPieces(RunEventSchema, events)];
  expect(pieces.flat()).toEqual(events);
  const sizes = pieces.map(
    (piece) => toBinary(ListRunEventsResponseSchema, create(ListRunEventsResponseSchema, { events: piece })).length,
  );
  expect(sizes.length).toBe(3);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(maxPageBytes);
  expect([...toPieces(RunEventSchema, [])]).toEqual([[]]);
});

test("a list that shares its answer with others ends at 256 KiB, and has its first row whatever its size", () => {
  const first = (count: number, characters: number) =>
    toFirstMessages(rowsOf(count, characters), RunSchema, ({ name: id, text }) => ({ id, message: text })).map(
      ({ id }) => id,
    );
  expect(first(1_000, 1_000)).toEqual(Array.from({ length: 86 }, (_, n) => nameOf(n)));
  expect(first(2, 200_000)).toEqual([nameOf(0)]);
  expect(first(3, 1)).toEqual([0, 1, 2].map(nameOf));
  expect(first(0, 1)).toEqual([]);
});

test("what a request says of its page is taken as it is: who reads the rows bounds it", () => {
  expect(fromPage({ pageSize: 0, pageToken: "" })).toEqual({ size: 0, token: "" });
  expect(fromPage({ pageSize: 1_000, pageToken: "next" })).toEqual({ size: 1_000, token: "next" });
});
