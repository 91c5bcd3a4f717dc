import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
  /** What it imports: paths from the root for our own files, else names of packages. */
  readonly imports: readonly string[];
}

const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\(\s*"([^"]+\.ts)"/g;

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), "utf8");
  const imports = [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? "");
  const resolved = imports.map((name) =>
    name.startsWith(".") ? relative(root, resolve(root, dirname(path), name)) : name,
  );
  return { path, lines: text.trimEnd().split("\n"), imports: resolved };
}

const paths = (await Array.fromAsync(glob(["src/**/*.ts", "cmd/**/*.ts"], { cwd: root }))).sort();
const sources = paths.filter((path) => !path.endsWith(".test.ts") && !path.startsWith("src/gen/")).map(readSource);

/** The folder that a path belongs to: `lib` for src/lib/ids.ts, `cmd` for cmd/windlass.ts. */
const layerOf = (path: string) => (path.startsWith("src/") ? (path.split("/")[1] ?? "") : (path.split("/")[0] ?? ""));

/** Which folders a folder may import from, beside itself, `lib` and `gen`. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  cmd: ["cli", "server", "agent"],
  // What puts windlassd together: it opens the store, wires control and rpc, and starts the server agent.
  server: ["rpc", "agent", "control", "domain", "store"],
  rpc: ["control", "domain"],
  control: ["domain", "store"],
  store: ["domain"],
  agent: ["terraform"],
  cli: [],
  terraform: [],
  domain: [],
  lib: [],
};

/** What control may know of the store: the ports, not what stands behind them. */
const storePorts = ["src/store/ports.ts", "src/store/log-store.ts", "src/store/blob-store.ts"];

const broken = (rule: (file: SourceFile) => readonly string[]) =>
  sources.flatMap((file) => rule(file).map((what) => `${file.path}: ${what}`));

const linesWith = (pattern: RegExp, except: readonly string[]) =>
  broken(({ path, lines }) =>
    except.includes(path) ? [] : lines.filter((line) => pattern.test(line)).map((line) => line.trim()),
  );

test("there are sources, and each stands in a known folder", () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(broken(({ path }) => (layerOf(path) in arrows ? [] : ["belongs to no known folder"]))).toEqual([]);
});

test("imports go down only", () => {
  const rule = ({ path, imports }: SourceFile) => {
    const from = layerOf(path);
    const allowed = [from, "lib", "gen", ...(arrows[from] ?? [])];
    const own = imports.filter((name) => name.startsWith("src/") || name.startsWith("cmd/"));
    return own.filter((name) => !allowed.includes(layerOf(name))).map((name) => `may not import ${name}`);
  };
  expect(broken(rule)).toEqual([]);
});

test("control knows the ports of the store and nothing else of it", () => {
  const rule = ({ path, imports }: SourceFile) =>
    layerOf(path) !== "control"
      ? []
      : imports
          .filter((name) => name.startsWith("src/store/") && !storePorts.includes(name))
          .map((name) => `may not import ${name}`);
  expect(broken(rule)).toEqual([]);
});

test("the domain imports nothing that does IO, and no generated code", () => {
  const isOurs = (name: string) => name.startsWith("src/domain/") || name.startsWith("src/lib/");
  const rule = ({ path, imports }: SourceFile) =>
    layerOf(path) !== "domain" ? [] : imports.filter((name) => !isOurs(name)).map((name) => `may not import ${name}`);
  expect(broken(rule)).toEqual([]);
  expect(
    broken(({ path, lines }) =>
      layerOf(path) === "domain" ? lines.filter((line) => /\basync\b|\bPromise</.test(line)) : [],
    ),
  ).toEqual([]);
});

test("no source imports a test", () => {
  expect(
    broken(({ imports }) => imports.filter((name) => name.startsWith("test/") || name.endsWith(".test.ts"))),
  ).toEqual([]);
});

test("only lib/environment.ts reads the environment", () => {
  expect(linesWith(/\bprocess\.env\b/, ["src/lib/environment.ts"])).toEqual([]);
});

test("only lib/clock.ts and lib/random.ts touch time and chance", () => {
  const touch =
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandom(UUID|Bytes)\b|\bperformance\.now\(|(?<![.\w])set(Timeout|Interval)\b/;
  expect(linesWith(touch, ["src/lib/clock.ts", "src/lib/random.ts"])).toEqual([]);
});

test("nothing ends the process by itself", () => {
  expect(linesWith(/\bprocess\.(exit|abort|reallyExit)\(/, [])).toEqual([]);
});

test("no file has more than 300 lines", () => {
  expect(broken(({ lines }) => (lines.length > 300 ? [`has ${lines.length} lines`] : []))).toEqual([]);
});
