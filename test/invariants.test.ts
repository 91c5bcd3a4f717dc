import { existsSync, globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(resolve(root, path), "utf8");

const rows = [...read("docs/invariants.md").matchAll(/^\| (I\d+) \| (.*) \| (.*) \| (.*) \|$/gm)].map(
  ([, number = "", promise = "", keepers = "", tests = ""]) => ({ number, promise, keepers, tests }),
);
const numbers = new Set(rows.map(({ number }) => number));

const pathsIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);

test("the invariants are numbered from I1 on, each in one sentence", () => {
  expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => `I${index + 1}`));
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter(({ promise }) => !/^[A-Z].*\.$/.test(promise) || /\. [A-Z]/.test(promise))).toEqual([]);
});

test("each names files that keep it and tests that show it, and all of them exist", () => {
  const bare = rows.filter(({ keepers, tests }) => pathsIn(keepers).length === 0 || pathsIn(tests).length === 0);
  expect(bare).toEqual([]);
  const named = rows.flatMap(({ keepers, tests }) => [...pathsIn(keepers), ...pathsIn(tests)]);
  expect(named.filter((path) => !existsSync(resolve(root, path)))).toEqual([]);
  const shown = rows.flatMap(({ tests }) => pathsIn(tests));
  expect(shown.filter((path) => !path.endsWith(".test.ts"))).toEqual([]);
});

test("every invariant that the code, a test or a page cites is in the list", () => {
  const places = [
    ...globSync(["src/**/*.ts", "src/**/*.md", "test/**/*.{ts,md}", "docs/*.md", "CONTRIBUTING.md"], { cwd: root }),
  ];
  const cited = places
    .filter((path) => !path.startsWith("src/gen/") && !path.includes("/gen/"))
    .flatMap((path) => [...read(path).matchAll(/\bI\d+\b/g)].map(([number]) => ({ path, number })));
  expect(new Set(cited.map(({ path }) => path)).size).toBeGreaterThan(10);
  expect(cited.filter(({ number }) => !numbers.has(number))).toEqual([]);
});

test("no comment cites a document that is not in the repository", () => {
  const places = globSync(["{src,test,scripts,cmd}/**/*.ts", "proto/windlass/**/*.proto"], { cwd: root });
  const foreign = places
    .filter((path) => path !== "test/invariants.test.ts")
    .filter((path) => /§\s?\d|reliability study|\bRule [A-Z]\b|\bDESIGN\b/.test(read(path)));
  expect(foreign).toEqual([]);
});
