import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { plannedOnce } from "./sqlite-statements.ts";

test.each([
  [
    `select "a" from "t" where ("t"."b" = ? and "t"."c" > ?) order by "t"."b" limit ?`,
    `select "a" from "t" where ("t"."b" = (select ?) and "t"."c" > (select ?)) order by "t"."b" limit (select ?)`,
  ],
  [`select '?' as "?" from "t" where "t"."b" = ?`, `select '?' as "?" from "t" where "t"."b" = (select ?)`],
])("a question with parameters has subqueries for them", (text, expected) => {
  expect(plannedOnce(text)).toBe(expected);
});

test.each([
  `select * from "t" where "t"."id" = ?`,
  `select * from "t" where "t"."b" in (?, ?)`,
  `update "t" set "b" = ? where "t"."c" = ?`,
  `insert into "t" ("b") values (?)`,
])("%s stays as it is", (text) => {
  expect(plannedOnce(text)).toBe(text);
});

test("a value is compared as the parameter would be, whatever the column's type", () => {
  using db = held(new Database(":memory:"));
  db.open.exec(`create table "t" ("i" integer, "s" text, "b" blob)`);
  db.open.prepare(`insert into "t" values (?, ?, ?)`).run(7, "7", Buffer.from("7"));
  for (const column of ["i", "s", "b"]) {
    for (const value of [7, "7", Buffer.from("7"), 7.5, null]) {
      const text = `select count(*) from "t" where "t"."${column}" = ?`;
      const count = (asked: string) => db.open.prepare(asked).pluck().get(value);
      expect(count(plannedOnce(text))).toBe(count(text));
    }
  }
});

const held = (open: Database.Database) => ({ open, [Symbol.dispose]: () => void open.close() });
