import { describe, expect, it } from "vitest";
import { readOptions, usage } from "./options.ts";
import type { Part } from "./part.ts";

const part = (name: string): Part => ({ name, about: `what ${name} is`, usualSeconds: 30, measure: async () => [] });
const parts = ["calls", "queue", "start"].map(part);
const namesOf = (args: readonly string[]) => readOptions(args, parts).parts.map(({ name }) => name);

describe("the command line of the benchmark", () => {
  it("measures everything unless parts are named, which keep the order of the table", () => {
    expect(namesOf([])).toEqual(["calls", "queue", "start"]);
    expect(namesOf(["--only", "start, calls"])).toEqual(["calls", "start"]);
  });

  it("names an unknown part, the one that was probably meant, and all that there are", () => {
    expect(() => namesOf(["--only", "start,cals"])).toThrow(
      'no part is called "cals": did you mean calls?\nparts: calls, queue, start',
    );
    expect(() => namesOf(["--only", ""])).toThrow('no part is called ""');
  });

  it("refuses what is no count", () => {
    for (const text of ["0", "-1", "2.5", "", "many", "101"])
      expect(() => readOptions([`--rounds=${text}`], parts)).toThrow("--rounds: expected a whole number from 1 to 100");
    expect(() => readOptions(["--agents", "100,x"], parts)).toThrow(
      '--agents: expected a whole number from 1 to 50000, got "x"',
    );
    expect(() => readOptions(["--sandbox", "bwrap"], parts)).toThrow("expected auto or none");
    expect(readOptions(["--agents", "100,1000"], parts).agents).toEqual([100, 1000]);
  });

  it("lists each part with how long it takes", () => {
    expect(usage(parts)).toMatch(/^ {2}queue +30 s {2}what queue is$/m);
    expect(usage(parts)).toContain("about 2 minutes");
  });
});
