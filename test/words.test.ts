import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(resolve(root, path), "utf8");

const [, ofTheProduct = "", ofTheCode = ""] = read("docs/words.md").split(/^## .*$/m);
const rowsOf = (section: string) =>
  [...section.matchAll(/^\| (.+) \| .+ \| (.+) \|$/gm)]
    .map(([, term = "", never = ""]) => ({ term, never }))
    .filter(({ term }) => term !== "term" && !term.startsWith("---"));

const sources = globSync("src/**/*.ts", { cwd: root }).filter((path) => !/^src\/gen\/|\.test\.ts$/.test(path));
const declared = sources.flatMap((path) =>
  [...read(path).matchAll(/^export (?:\w+ )*?(interface|type|class|const|function) (\w+)/gm)].map(
    ([, kind = "", name = ""]) => ({ kind, name, path }),
  ),
);

test("every word of the code is an exported name", () => {
  const terms = rowsOf(ofTheCode).flatMap(({ term }) => [...term.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));
  expect(terms.length).toBeGreaterThan(60);
  const names = new Set(declared.map(({ name }) => name));
  expect(terms.filter((term) => !names.has(term))).toEqual([]);
});

test("no exported type has a name by which a thing is not to be called", () => {
  const capital = (word: string) => word.replace(/(?:^|[ -])(\w)/g, (_, letter: string) => letter.toUpperCase());
  const kept = new Set(rowsOf(ofTheCode).flatMap(({ term }) => term.match(/\w+/g) ?? []));
  const never = new Set(
    [...rowsOf(ofTheProduct), ...rowsOf(ofTheCode)]
      .flatMap(({ never }) => never.split(", "))
      .map(capital)
      .filter((name) => !kept.has(name)),
  );
  expect(never.size).toBeGreaterThan(60);
  const types = declared.filter(({ kind }) => ["interface", "type", "class"].includes(kind));
  expect(types.filter(({ name }) => never.has(name)).map(({ name, path }) => `${name} in ${path}`)).toEqual([]);
});

test("no term is explained twice", () => {
  const terms = [...rowsOf(ofTheProduct), ...rowsOf(ofTheCode)].flatMap(({ term }) => term.split(", "));
  expect(terms.filter((term, index) => terms.indexOf(term) !== index)).toEqual([]);
});
