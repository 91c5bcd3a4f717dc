import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const paths = globSync("web/src/**/*.{ts,tsx}", { cwd: root }).sort();
const textOf = (path: string) => readFileSync(join(root, path), "utf8");
const sources = paths.filter((path) => !/\.test\.tsx?$/.test(path)).map((path) => ({ path, text: textOf(path) }));

/** What a file imports: paths from the root for files, else names of packages. */
const importsOf = ({ path, text }: { readonly path: string; readonly text: string }) =>
  [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map(([, name = ""]) =>
    name.startsWith(".") ? relative(root, resolve(root, dirname(path), name)) : name,
  );

/** Floor by floor: a room imports from floors below its own, and from itself. */
const floors = [["data"], ["ui"], ["words"], ["log", "plan"], ["app"], ["upload"], ["pages"], ["main"]];
const roomOf = (path: string) => (path.split("/")[2] ?? "").replace(/\.tsx?$/, "");
const floorOf = (path: string) => floors.findIndex((rooms) => rooms.includes(roomOf(path)));

test("rooms of the web UI import from the floors below them only; pages are loaded by the table of routes", () => {
  expect(sources.filter(({ path }) => floorOf(path) < 0)).toEqual([]);
  const wrong = sources.flatMap((source) =>
    importsOf(source)
      .filter((name) => name.startsWith("web/src/") && /\.tsx?$/.test(name) && roomOf(name) !== roomOf(source.path))
      .filter((name) => floorOf(name) >= floorOf(source.path))
      .filter((name) => !(source.path === "web/src/app/routes.tsx" && name.startsWith("web/src/pages/")))
      .map((name) => `${source.path} may not import ${name}`),
  );
  expect(wrong).toEqual([]);
});

/** What an upload leaves out, how agents are started, and how a shell takes a word. */
const shared = ["src/lib/archive/ignore-rules.ts", "src/lib/deploy/start-steps.ts", "src/lib/text/shell-word.ts"];

test("of the rest of the repository the web UI knows the generated code, and what it shares with windlass", () => {
  const wrong = sources.flatMap((source) =>
    importsOf(source)
      .filter((name) => /^(src|cmd|test|scripts)\//.test(name) || name.startsWith("node:"))
      .filter((name) => !/^src\/gen\/(windlass\/v1|google\/rpc)\//.test(name))
      .filter((name) => !shared.includes(name))
      .map((name) => `${source.path} may not import ${name}`),
  );
  expect(wrong).toEqual([]);
});

test("nothing is kept in the browser's storage, and nothing makes HTML or code of text", () => {
  const forbidden =
    /\b(?:localStorage|sessionStorage|indexedDB|innerHTML|outerHTML|insertAdjacentHTML|eval)\b|new Function\b/;
  const wrong = sources.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line) => (forbidden.test(line) ? [`${path}: ${line.trim()}`] : [])),
  );
  expect(wrong).toEqual([]);
});

test("no style makes a browser look through all lines of a log when one is added", () => {
  const styles = globSync("web/src/**/*.css", { cwd: root }).map((path) => ({ path, text: textOf(path) }));
  expect(styles.length).toBeGreaterThan(1);
  // The themes of daisyUI ask for :root:has(…).
  const wide = /:root:has|daisyui\/theme/;
  expect(styles.filter(({ text }) => wide.test(text.replaceAll(/\/\*.*?\*\//gs, ""))).map(({ path }) => path)).toEqual(
    [],
  );
  expect(textOf("web/src/log/log.css")).not.toMatch(/:(?:has|first-|last-|nth-|only-|empty)/);
});

test("files of the web UI have at most 400 lines, folders at most 25 files and a README", () => {
  expect(sources.filter(({ text }) => text.split("\n").length > 400).map(({ path }) => path)).toEqual([]);
  const folders = Map.groupBy(sources, ({ path }) => dirname(path));
  expect([...folders].filter(([, files]) => files.length > 25).map(([folder]) => folder)).toEqual([]);
  const rooms = [...folders.keys()].filter((folder) => folder !== "web/src");
  expect(rooms.filter((folder) => !existsSync(join(root, folder, "README.md")))).toEqual([]);
});

test("whatever stands in a command line to copy is quoted, or a flag of ours", () => {
  const ours = /flags?$|^(?:action|kind|env|overlap|mode|engine|state|chosen\.word|org|said|pair|quoted)$/i;
  const wrong = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/`(?:windlass | --?\w)(?:[^`]|(?<=\$\{[^}]*)`[^`]*`)*`/g)].flatMap(([command]) =>
      [...command.matchAll(/\$\{([\w.?]+)(?: \?\? [\w.]+)?\}/g)]
        .filter(([, value = ""]) => !ours.test(value))
        .map(([value]) => `${path}: ${value} in ${command.slice(0, 60)}`),
    ),
  );
  expect(wrong).toEqual([]);
});

test("every button and every field of a page has a name for tests", () => {
  const wrong = sources.flatMap(({ path, text }) =>
    text
      .split(/<(?=(?:button|input|select|textarea)\b)/)
      .slice(1)
      .filter((element) => !/data-testid|\{\.\.\.shared/.test(element))
      .map((element) => `${path}: ${element.slice(0, 80)}`),
  );
  expect(wrong).toEqual([]);
});

test("a command that a page shows names the organization, where there are several", () => {
  const shown = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/\b(?:cli|command)=(?:"([^"]*)"|\{`([^\n]*)`\})/g)].map(([, plain, template]) => ({
      path,
      command: plain ?? template ?? "",
    })),
  );
  // These are about no organization, or about all of them.
  const siteWide = /^windlass (?:login|org|status|apikey sessions|apikey create --name me)\b/;
  const commands = shown.filter(({ command }) => command.startsWith("windlass ") && !siteWide.test(command));
  expect(commands.length).toBeGreaterThan(20);
  expect(commands.filter(({ command }) => !/\$\{(?:orgFlag|useOrgFlag\(\))\}$/.test(command))).toEqual([]);
});
