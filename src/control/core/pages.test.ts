import { expect, test } from "vitest";
import type { Position, TimePage } from "../../store/ports/pages.ts";
import { searchByTime } from "./pages.ts";

interface Row {
  readonly id: string;
  readonly createdAt: Date;
}

/** A list of so many rows, of which every so many-th is wanted; it counts what each look costs. */
function listOf(count: number, everyNth: number) {
  const rows = Array.from({ length: count }, (_, n): Row => {
    const id = String(count - n).padStart(9, "0");
    return { id, createdAt: new Date(1_000) };
  });
  const isBefore = (row: Row, before: Position | null) => before === null || row.id < before.id;
  const looks: number[] = [];
  return {
    looks,
    search: {
      placeAfter: async ({ before, rows: size }: { readonly before: Position | null; readonly rows: number }) => {
        const place = rows.filter((row) => isBefore(row, before))[size - 1];
        return place === undefined ? null : { at: place.createdAt, id: place.id };
      },
      read: async ({ before, downTo = null, limit }: TimePage) => {
        const seen = rows.filter((row) => isBefore(row, before) && (downTo === null || row.id >= downTo.id));
        looks.push(seen.length);
        return seen.filter(({ id }) => Number(id) % everyNth === 0).slice(0, limit);
      },
      positionOf: (row: Row) => row,
    },
  };
}

async function everything(list: ReturnType<typeof listOf>, size: number) {
  const found: string[] = [];
  let pages = 0;
  for (let token = ""; ; pages++) {
    const page = await searchByTime({ size, token }, list.search);
    found.push(...page.rows.map(({ id }) => id));
    token = page.nextToken;
    if (token === "") return { found, pages: pages + 1 };
  }
}

test("a search finds every row once, whatever the pages are", async () => {
  for (const size of [1, 3, 1000]) {
    const { found } = await everything(listOf(9_000, 1_000), size);
    expect(found.map(Number)).toEqual([9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000]);
  }
});

test("no look of a search takes in more than 2,000 rows", async () => {
  const list = listOf(9_000, 10_000);
  expect(await everything(list, 50)).toEqual({ found: [], pages: 1 });
  expect(Math.max(...list.looks)).toBe(2_000);
});

test("a long search gives a page that is not full, and goes on from its token", async () => {
  const list = listOf(110_000, 105_000);
  const { found, pages } = await everything(list, 50);
  expect([found.map(Number), pages]).toEqual([[105_000], 2]);
});
