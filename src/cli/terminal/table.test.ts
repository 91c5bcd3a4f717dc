import { describe, expect, test } from "vitest";
import { type Column, chooseColumns, detailLines, tableLines } from "./table.ts";

interface Row {
  readonly name: string;
  readonly note: string;
}

const columns: readonly Column<Row>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "LONG NOTE", value: ({ note }) => note },
  { name: "ID", isWide: true, value: () => "id_1" },
];
const rows: readonly Row[] = [
  { name: "prod", note: "3 idle" },
  { name: "staging", note: "" },
];
const layout = { isHeaderShown: true, width: undefined, now: new Date(0) };

describe("tables", () => {
  test("have no borders, two spaces between columns, and - for nothing", () => {
    expect(tableLines(rows, chooseColumns(columns, [], false), layout).join("\n")).toMatchInlineSnapshot(`
      "NAME     LONG NOTE
      prod     3 idle
      staging  -"
    `);
  });

  test("--columns chooses and orders; an unknown one lists the known ones", () => {
    expect(chooseColumns(columns, ["id", "name"], false).map(({ name }) => name)).toEqual(["ID", "NAME"]);
    expect(chooseColumns(columns, ["long-note"], false)).toHaveLength(1);
    expect(() => chooseColumns(columns, ["nam"], false)).toThrow(
      'unknown column "nam". Did you mean "name"? There are: name, long-note, id',
    );
  });

  test("other people's text cannot act on the terminal", () => {
    const hostile = [{ name: "a\u001b[2J\u009b31mb", note: "two\nlines" }];
    expect(tableLines(hostile, columns.slice(0, 2), { ...layout, isHeaderShown: false }).map(String)).toEqual([
      "a [2J 31mb  two lines",
    ]);
  });

  test("details leave out what is empty", () => {
    expect(
      detailLines([
        ["Name", "prod"],
        ["Description", ""],
        ["Created by", "ana"],
      ]),
    ).toEqual(["Name:        prod", "Created by:  ana"]);
  });

  test("a text below a detail keeps its lines, and cannot act on the terminal", () => {
    expect(
      detailLines([
        ["Hook", "cost", ["# Cost", "", "  12\u001b[2J$", "a\rb\u202e"]],
        ["Id", "run_1"],
      ]),
    ).toEqual(["Hook:  cost", "    # Cost", "", "      12 [2J$", "    a b", "Id:    run_1"]);
  });
});
