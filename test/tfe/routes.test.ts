import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { routeGroups, routeLines } from "../../scripts/tfe-routes.ts";
import { apiRoutes, openRoutes } from "../../src/tfe/routes.ts";
import type { TfeRow } from "./rows/row.ts";

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

/** Roles as the reference names them, by what the matrix of authorization demands. */
const callers: Readonly<Record<TfeRow["needs"], string>> = {
  anybody: "anybody",
  read: "reader",
  plan: "planner",
  operate: "operator",
  own: "owner",
  administer_site: "site-admin",
};

test("the reference says of each route what the matrix of authorization holds", async () => {
  const files = globSync("rows/*.ts", { cwd: here });
  const modules: readonly object[] = await Promise.all(files.map((file) => import(join(here, file))));
  const rows = modules.flatMap((module) => Object.values(module)).filter(Array.isArray);
  const matrix: readonly TfeRow[] = rows.flat();
  expect(matrix.length).toBeGreaterThan(20);
  const said = matrix.map(({ pattern }) => `${pattern}: ${routeLines.get(pattern)?.who}`);
  expect(said).toEqual(matrix.map(({ pattern, needs }) => `${pattern}: ${callers[needs]}`));
});

/** The last word of a path that no value stands for: `lock`. URLs of objects are known by the name of what has them. */
const wordOf = (pattern: string): string =>
  pattern.includes("/_objects/")
    ? "upload-url"
    : ((pattern.split(" ")[1] ?? "").split("/").findLast((part) => part !== "" && !part.startsWith(":")) ?? "");

/** A test with the rows that it goes through, if it is the matrix. */
const textOf = (name: string): string =>
  globSync(name === "authorization" ? "{authorization.test,rows/*}.ts" : `${name}.test.ts`, { cwd: here })
    .map((file) => readFileSync(join(here, file), "utf8"))
    .join("\n");

test("the test that a line names is there, and names the route's last word", () => {
  const wrong = [...routeLines].filter(([pattern, line]) => !textOf(line.test).includes(wordOf(pattern)));
  expect(wrong.map(([pattern, line]) => `${pattern}: test/tfe/${line.test}.test.ts`)).toEqual([]);
});

test("a line is one clause without an end", () => {
  const wrong = [...routeLines.values()].filter(({ about }) => about === "" || /^[A-Z](?![A-Z])|[.|\n]$/.test(about));
  expect(wrong).toEqual([]);
});
