import { globSync, readFileSync } from "node:fs";
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
  // What puts windlassd together: it opens the store, wires control and rpc, starts the server agent, and lends control what
  // terraform knows of secrets in texts.
  server: ["rpc", "agent", "control", "domain", "store", "terraform", "settings"],
  rpc: ["control", "domain"],
  control: ["domain", "store"],
  store: ["domain"],
  agent: ["terraform", "settings"],
  cli: ["settings"],
  terraform: [],
  domain: [],
  settings: [],
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

/** Who may read JSON with floats for numbers: none of it is a plan, a state, an output or a variable. */
const floatReaders: Readonly<Record<string, string>> = {
  "src/lib/json.ts": "an escaped string",
  "src/lib/json-testing.ts": "values of tests",
  "src/lib/log.ts": "our own log, for tests",
  "src/lib/version.ts": "our own package.json",
  "src/cli/version.ts": "our own package.json",
  "src/cli/complete-names.ts": "our own record",
  "src/cli/token-source.ts": "tokens of terraform login, which are texts",
  "src/control/pages.ts": "our own page tokens, of texts",
  "src/control/provider-tokens.ts": "our own record, of texts",
  "src/control/documents/state-syntax.ts": "an escaped string",
  "src/rpc/request-bodies.ts": "requests of the API, whose numbers are whole and whose values are texts",
  "src/server/backup/manifest.ts": "our own record",
  "src/store/kit-sqlite.ts": "our own rows",
  "src/terraform/json-scan.ts": "an escaped string",
  "src/terraform/engine.ts": "the version that terraform says",
  "src/terraform/events.ts": "terraform's own fields of its events; values in them are read again",
  "src/terraform/packages/package-cache.ts": "our own record",
  "src/terraform/releases/engine-cache.ts": "our own record",
  "src/terraform/releases/release-index.ts": "the index of releases",
  "src/agent/job-files.ts": "our own records",
  "src/agent/journal.ts": "our own record",
  "src/agent/session-credential.ts": "our own record",
  "src/agent/shared-states.ts": "our own record, in which states are texts",
  "src/agent/plan-files/place.ts": "our own record",
  "src/agent/plan-files/record.ts": "our own record",
  "src/agent/providers/job-providers.ts": "our own record",
  "src/agent/providers/package-room.ts": "our own record",
  "src/agent/steps/step-files.ts": "our own record",
};

const floatReading = /\bJSON\.parse\b|\bfromJsonString\b|\bparseFloat\b/;

test("documents of users are read by lib/json.ts, which keeps their digits and names", () => {
  expect(linesWith(floatReading, Object.keys(floatReaders))).toEqual([]);
  const needless = Object.keys(floatReaders).filter(
    (path) => !sources.some((one) => one.path === path && one.lines.some((line) => floatReading.test(line))),
  );
  expect(needless).toEqual([]);
});

test("no message of the API has a number that is a float: values of users are JSON text", () => {
  const protos = globSync("proto/windlass/**/*.proto", { cwd: root });
  expect(protos.length).toBeGreaterThan(10);
  const floats = protos.flatMap(
    (path) =>
      readFileSync(join(root, path), "utf8").match(
        /^\s*[^/\n]*\b(double|float|google\.protobuf\.(Value|Struct|ListValue|DoubleValue|FloatValue))\b[^\n]*/gm,
      ) ?? [],
  );
  expect(floats).toEqual([]);
});

test("in src/cli nothing but output.ts writes to stdout or stderr", () => {
  const rule = ({ path, lines }: SourceFile) => {
    if (layerOf(path) !== "cli" || path.startsWith("src/cli/testing/")) return [];
    if (["src/cli/output.ts", "src/cli/process-io.ts"].includes(path)) return [];
    return lines.filter((line) =>
      /\bconsole\.|\bprocess\.std(out|err)\b|\bstd(out|err)\.stream\b|\bstream\.write\(/.test(line),
    );
  };
  expect(broken(rule)).toEqual([]);
});

test("nothing ends the process by itself", () => {
  expect(linesWith(/\bprocess\.(exit|abort|reallyExit)\(/, [])).toEqual([]);
});

test("no file has more than 400 lines", () => {
  expect(broken(({ lines }) => (lines.length > 400 ? [`has ${lines.length} lines`] : []))).toEqual([]);
});
