import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { codeMeanings } from "./codes.ts";
import { exitCodes, exitMeanings } from "./exit.ts";

describe("gRPC codes and exit codes", () => {
  test("every code has an exit code and a hint", () => {
    const codes = Object.values(Code).filter((code) => typeof code === "number");
    expect(Object.keys(codeMeanings).map(Number)).toEqual(codes);
    for (const code of codes) expect(codeMeanings[code].hints((text) => text).length).toBeGreaterThan(0);
  });

  test("the table of the command line reference", () => {
    const table = Object.values(codeMeanings).map(({ name, exit }) => `${exitCodes[exit]} ${name}`);
    expect(table.sort()).toMatchInlineSnapshot(`
      [
        "1 CANCELLED",
        "1 DATA_LOSS",
        "1 INTERNAL",
        "1 RESOURCE_EXHAUSTED",
        "1 UNIMPLEMENTED",
        "1 UNKNOWN",
        "2 INVALID_ARGUMENT",
        "2 OUT_OF_RANGE",
        "3 NOT_FOUND",
        "4 PERMISSION_DENIED",
        "4 UNAUTHENTICATED",
        "5 ABORTED",
        "5 ALREADY_EXISTS",
        "5 FAILED_PRECONDITION",
        "7 DEADLINE_EXCEEDED",
        "7 UNAVAILABLE",
      ]
    `);
  });

  test("every exit code is explained", () => {
    expect(Object.keys(exitMeanings)).toEqual(Object.keys(exitCodes));
    expect(Object.values(exitCodes)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 143]);
  });
});
