import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const pages = globSync(["*.md", "docs/*.md", "docs/reference/*.md", "src/**/*.md"], { cwd: root }).sort();

/** A text without its blocks of code, in which nothing is a link or a heading. */
const prose = (path: string) => read(path).replaceAll(/^```.*?^```$/gms, "");

/** The same without code between words. */
const plain = (path: string) => prose(path).replaceAll(/`[^`\n]*`/g, "");

/** A heading as its anchor: `## What times out when` is `what-times-out-when`. */
const anchorOf = (heading: string) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");

const anchors = new Map(
  pages.map((path) => {
    const headings = [...prose(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
    return [path, new Set(headings)] as const;
  }),
);

interface Link {
  readonly from: string;
  /** A path from the root. */
  readonly to: string;
  readonly anchor: string;
}

const links: readonly Link[] = pages.flatMap((from) =>
  [...plain(from).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", anchor = ""] = target.split("#");
      const to = path === "" ? from : relative(root, resolve(root, dirname(from), path));
      return { from, to, anchor };
    }),
);

test("every link leads to a file", () => {
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter(({ to }) => !existsSync(join(root, to)))).toEqual([]);
});

test("every link to a heading leads to one", () => {
  const wrong = links.filter(({ to, anchor }) => anchor !== "" && anchors.get(to)?.has(anchor) === false);
  expect(wrong).toEqual([]);
});

test("docs/README.md lists every page of docs", () => {
  const listed = new Set(links.filter(({ from }) => from === "docs/README.md").map(({ to }) => to));
  const own = pages.filter((path) => path.startsWith("docs/") && path !== "docs/README.md");
  expect(own.filter((path) => !listed.has(path))).toEqual([]);
});

test("the README is a page and a half, with the two commands that need nothing else", () => {
  const readme = read("README.md");
  expect(readme.split("\n").length).toBeLessThan(100);
  expect(readme).toContain("\n    scripts/quickstart      #");
  expect(readme).toContain("\n    scripts/test            #");
});

/** Of pip, scripts/release and its sisters, systemctl, dpkg, docker, kubectl and helm. */
const foreignFlags = new Set([
  ...["--requirement", "--release", "--now", "--purge", "--build-arg", "--arch"],
  ...["--from-literal", "--from-file", "--reuse-values"],
]);

test("every flag that a page names is one of our programs", () => {
  const declared = globSync(
    ["src/{server,agent,settings,cli}/**/*.ts", "scripts/{*,{benchmark,releasing}/options.ts}", "test/faults/run.ts"],
    {
      cwd: root,
    },
  )
    .filter((path) => !path.endsWith(".test.ts") && path.includes("."))
    .map(read)
    .join("\n");
  const names = new Set(declared.match(/(?<=["'`]|--)[a-z][a-z0-9]*(?:-[a-z0-9]+)*/g));
  const ofCommands = new Set(read("docs/cli.md").match(/--[a-z][a-z-]*/g));
  const isOurs = (flag: string) => names.has(flag.slice(2)) || ofCommands.has(flag) || foreignFlags.has(flag);
  const written = ["README.md", "CONTRIBUTING.md", ...globSync("docs/*.md", { cwd: root })].flatMap((path) =>
    [...read(path).matchAll(/(?<![\w-])--[a-z][a-z-]*(?!\w)/g)].map(([flag]) => ({ path, flag })),
  );
  expect(written.length).toBeGreaterThan(200);
  expect(written.filter(({ flag }) => !isOurs(flag))).toEqual([]);
});
