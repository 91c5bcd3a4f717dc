import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { routeGroups, routeLines } from "../../scripts/tfe-routes.ts";
import { apiRoutes, openRoutes } from "../../src/tfe/routes.ts";

const here = resolve(import.meta.dirname);
const routes = [...apiRoutes, ...openRoutes];

test("every route has a line in the reference, and every line a route", () => {
  const patterns = routes.map(({ pattern }) => pattern);
  expect(patterns.filter((pattern) => !routeLines.has(pattern))).toEqual([]);
  expect([...routeLines.keys()].filter((pattern) => !patterns.includes(pattern))).toEqual([]);
  const lines = routeGroups.flatMap((group) => Object.keys(group.routes));
  expect(lines.filter((pattern, index) => lines.indexOf(pattern) !== index)).toEqual([]);
});

test("a route that anybody may call says so in the reference, and no other does", () => {
  const isOpen = (pattern: string) => ["anybody", "the URL"].includes(routeLines.get(pattern)?.who ?? "");
  const wrong = routes.filter(({ admission, pattern }) => (admission === "anybody") !== isOpen(pattern));
  expect(wrong.map(({ pattern }) => pattern)).toEqual([]);
});

/** The last words of a path that no value stands for: `actions/lock`. */
const wordsOf = (pattern: string): string =>
  (pattern.split(" ")[1] ?? "")
    .split("/")
    .filter((part) => part !== "" && !part.startsWith(":"))
    .at(-1) ?? "";

test("the test that a line names is there, and names the route's last word", () => {
  const wrong = [...routeLines].filter(([pattern, line]) => {
    const path = join(here, `${line.test}.test.ts`);
    return !existsSync(path) || !readFileSync(path, "utf8").includes(wordsOf(pattern));
  });
  expect(wrong.map(([pattern, line]) => `${pattern}: test/tfe/${line.test}.test.ts`)).toEqual([]);
});

test("a line is one clause without an end", () => {
  const wrong = [...routeLines.values()].filter(({ about }) => about === "" || /^[A-Z](?![A-Z])|[.|\n]$/.test(about));
  expect(wrong).toEqual([]);
});
