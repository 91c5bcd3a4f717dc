import { existsSync, globSync, readFileSync } from "node:fs";
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

/** The folder that a path belongs to: `lib` for src/lib/words/ids.ts, `cmd` for cmd/windlass.ts. */
const layerOf = (path: string) => (path.startsWith("src/") ? (path.split("/")[1] ?? "") : (path.split("/")[0] ?? ""));

/** Which folders a folder may import from, beside itself, `lib` and `gen`. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  cmd: ["cli", "server", "agent"],
  // What puts windlassd together: it opens the store, wires control and rpc, starts the server agent, and lends control what
  // terraform knows of secrets in texts.
  server: ["http", "rpc", "tfe", "web", "agent", "control", "domain", "store", "terraform", "settings"],
  rpc: ["http", "control", "domain"],
  tfe: ["http", "control", "domain"],
  // It tells browsers what is refused as the RPCs do.
  web: ["http", "rpc", "control", "domain"],
  http: ["control", "domain"],
  control: ["domain", "store"],
  store: ["domain"],
  agent: ["terraform", "settings"],
  cli: ["settings"],
  terraform: [],
  domain: [],
  settings: [],
  lib: [],
};

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

/**
 * The rooms of each folder, floor by floor: a room imports from floors below its own, and from itself. `.` is what lies
 * loose.
 */
const floors: Readonly<Record<string, readonly (readonly string[])[]>> = {
  lib: [
    ["values"],
    ["json", "text"],
    [".", "hcl"],
    ["deploy", "net", "words"],
    ["archive", "async", "program"],
    ["fs", "transfer", "way"],
    ["checks", "grpc"],
  ],
  domain: [["workspaces"], ["agents"], ["runs"], ["people"]],
  store: [["drizzle", "postgres"], ["engine"], ["ports", "tables"], ["blobs", "logs", "queries"], ["."]],
  control: [
    ["documents"],
    ["core"],
    ["workspaces"],
    ["states"],
    ["runs"],
    ["agents", "jobs", "updates"],
    ["events", "logs", "sessions"],
    ["people", "replicas"],
    ["upkeep"],
  ],
  settings: [["."]],
  http: [["callers"], ["."]],
  rpc: [["mapping"], ["calls"], ["bodies"], ["streams", "wire"], ["services"], ["grpc"], ["."]],
  tfe: [["core"], ["login", "mapping"], ["services"], ["."]],
  web: [["."]],
  terraform: [["configuration", "engines", "packages", "redaction"], ["plan"], ["output"], ["state"]],
  agent: [
    ["disk"],
    ["steps", "transfers"],
    ["contract"],
    ["connection", "jobs", "sandbox", "update"],
    ["plan-files"],
    ["plan"],
    ["work"],
    ["."],
    ["program"],
  ],
  cli: [
    ["problems"],
    ["line"],
    ["terminal"],
    ["server"],
    ["shared"],
    ["run", "state"],
    ["agent", "workspace"],
    ["pool"],
    ["admin", "events", "manifest"],
    ["shell"],
  ],
  server: [["backup", "observability", "releases"], ["."], ["doctor"], ["commands"]],
};

const roomOf = (path: string) => {
  const parts = path.split("/");
  return parts.length > 3 ? (parts[2] ?? "") : ".";
};

const floorOf = (path: string) => (floors[layerOf(path)] ?? []).findIndex((rooms) => rooms.includes(roomOf(path)));

test("rooms import from the floors below them only", () => {
  const isHoused = ({ path }: SourceFile) => path.startsWith("src/");
  expect(broken((file) => (isHoused(file) && floorOf(file.path) < 0 ? ["stands in no known room"] : []))).toEqual([]);
  const rule = ({ path, imports }: SourceFile) =>
    imports
      .filter((name) => name.startsWith(`src/${layerOf(path)}/`) && roomOf(name) !== roomOf(path))
      .filter((name) => floorOf(name) >= floorOf(path))
      .map((name) => `may not import ${name}`);
  expect(broken(rule)).toEqual([]);
});

test("no room of the table is empty", () => {
  const named = Object.entries(floors).flatMap(([layer, own]) => own.flat().map((room) => `${layer}/${room}`));
  const used = new Set(sources.map(({ path }) => `${layerOf(path)}/${roomOf(path)}`));
  expect(named.filter((room) => !used.has(room))).toEqual([]);
});

test("no two exported types have one name", () => {
  const declared = /^export (?:declare |abstract )*(?:interface|type|class) (\w+)/gm;
  const names = sources.flatMap(({ path, lines }) =>
    [...lines.join("\n").matchAll(declared)].map(([, name = ""]) => ({ name, path })),
  );
  const shared = [...Map.groupBy(names, ({ name }) => name)].filter(([, found]) => found.length > 1);
  expect(shared.map(([name, found]) => `${name}: ${found.map(({ path }) => path).join(", ")}`)).toEqual([]);
});

test("no folder has more than 25 files beside their tests", () => {
  const counts = Map.groupBy(sources, ({ path }) => dirname(path));
  expect([...counts].filter(([, files]) => files.length > 25).map(([folder]) => folder)).toEqual([]);
});

test("control knows the ports of the store and nothing else of it", () => {
  const rule = ({ path, imports }: SourceFile) =>
    layerOf(path) !== "control"
      ? []
      : imports
          .filter((name) => name.startsWith("src/store/") && !name.startsWith("src/store/ports/"))
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
  "src/lib/json/json.ts": "an escaped string",
  "src/lib/program/log.ts": "our own log, for tests",
  "src/lib/program/version.ts": "our own package.json",
  "src/cli/shell/complete-names.ts": "our own record",
  "src/cli/server/token-source.ts": "tokens of terraform login, which are texts",
  "src/control/core/claimed-work.ts": "our own record, of a name and a moment",
  "src/control/core/cursor.ts": "our own page tokens, of texts and whole numbers",
  "src/domain/agents/key-set.ts": "public keys of issuers, which are texts",
  "src/control/replicas/notice-text.ts": "our own notices, of texts",
  "src/control/people/login-notes.ts": "our own record, of texts and whole numbers",
  "src/control/workspaces/provider-tokens.ts": "our own record, of texts",
  "src/control/documents/state-syntax.ts": "an escaped string",
  "src/tfe/core/body.ts": "documents of the API, whose values are texts; states come as text in them",
  "src/tfe/core/object-urls.ts": "our own record",
  "src/rpc/bodies/request-bodies.ts": "requests of the API, whose numbers are whole and whose values are texts",
  "src/server/backup/manifest.ts": "our own record",
  "src/store/engine/kit-sqlite.ts": "our own rows",
  "src/lib/json/scan.ts": "an escaped string",
  "src/terraform/engines/engine.ts": "the version that terraform says",
  "src/terraform/output/events.ts": "terraform's own fields of its events; values in them are read again",
  "src/terraform/packages/package-cache.ts": "our own record",
  "src/terraform/engines/releases/engine-cache.ts": "our own record",
  "src/terraform/engines/releases/release-index.ts": "the index of releases",
  "src/agent/jobs/files.ts": "our own records",
  "src/agent/jobs/journal.ts": "our own record",
  "src/agent/connection/credential.ts": "our own record",
  "src/agent/program/update-settings.ts": "our own package.json",
  "src/agent/update/manifest.ts": "the manifest of releases",
  "src/agent/update/record.ts": "our own record",
  "src/server/releases/agent-releases.ts": "the manifest of releases",
  "src/agent/work/states/shared-states.ts": "our own record, in which states are texts",
  "src/agent/plan-files/place.ts": "our own record",
  "src/agent/plan-files/record.ts": "our own record",
  "src/agent/work/providers/job-providers.ts": "our own record",
  "src/agent/work/providers/package-room.ts": "our own record",
  "src/agent/work/hooks/hook-reports.ts": "our own record",
  "src/agent/work/hooks/hook-values.ts": "our own record",
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
    if (layerOf(path) !== "cli") return [];
    if (["src/cli/terminal/output.ts", "src/cli/terminal/process-io.ts"].includes(path)) return [];
    return lines.filter((line) =>
      /\bconsole\.|\bprocess\.std(out|err)\b|\bstd(out|err)\.stream\b|\bstream\.write\(/.test(line),
    );
  };
  expect(broken(rule)).toEqual([]);
});

test("nothing ends the process by itself", () => {
  expect(linesWith(/\bprocess\.(exit|abort|reallyExit)\(/, [])).toEqual([]);
});

/** The code alone: comments, and what stands in quotes, may hold any word. */
const withoutText = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\/|(?<![:\\])\/\/.*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '""');

const castsIn = (source: string): number => withoutText(source).match(/[\w)\]}>"] as (?!const\b)[\w{([]/g)?.length ?? 0;

test("casts stand at few places, each behind a check of its own", () => {
  const scripts = globSync("scripts/**/*.ts", { cwd: root }).map(readSource);
  const counts = [...sources, ...scripts].map(({ path, lines }) => {
    const code = lines.join("\n").replace(/^(import|export) [^;]*? from "[^"]*";$/gm, "");
    return { path, casts: castsIn(code) };
  });
  const places = counts.filter(({ casts }) => casts > 0).map(({ path, casts }) => `${casts} in ${path}`);
  expect(castsIn('a as B; { c } as D; e() as const; "f as G"; // h as I')).toBe(2);
  expect(
    counts.reduce((sum, { casts }) => sum + casts, 0),
    places.join("\n"),
  ).toBeLessThanOrEqual(40);
});

test("no file has more than 400 lines", () => {
  expect(broken(({ lines }) => (lines.length > 400 ? [`has ${lines.length} lines`] : []))).toEqual([]);
});

test("no files import each other in a circle, types counted", () => {
  expect(circlesOf(new Map(sources.map(({ path, imports }) => [path, imports])))).toEqual([]);
});

/** Groups of files of which each leads to each other (Tarjan). */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, { readonly index: number; low: number }>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string) => {
    const own = { index: order.size, low: order.size };
    order.set(path, own);
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (!graph.has(next)) continue;
      const known = order.get(next);
      if (known === undefined) own.low = Math.min(own.low, visit(next).low);
      else if (stack.includes(next)) own.low = Math.min(own.low, known.index);
    }
    if (own.low === own.index) {
      const group = stack.splice(stack.indexOf(path));
      if (group.length > 1) circles.push(group.sort());
    }
    return own;
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return circles;
}

test("a circle would be found", () => {
  const graph = new Map([
    ["a", ["b", "x"]],
    ["b", ["c"]],
    ["c", ["a"]],
    ["d", ["a"]],
  ]);
  expect(circlesOf(graph)).toEqual([["a", "b", "c"]]);
});

const folders = globSync("src/**/", { cwd: root })
  .map((path) => path.replace(/\/$/, ""))
  .filter((path) => path !== "src" && !/^src\/gen(\/|$)/.test(path));

const readmeOf = (folder: string) => join(root, folder, "README.md");

test("every folder of src has a README of at most 12 lines", () => {
  expect(folders.length).toBeGreaterThan(50);
  const linesOf = (folder: string) =>
    existsSync(readmeOf(folder)) ? readFileSync(readmeOf(folder), "utf8").trimEnd().split("\n").length : 0;
  expect(folders.filter((folder) => linesOf(folder) === 0 || linesOf(folder) > 12)).toEqual([]);
});

/** True if the tables above let a folder, `agent/work` or `server`, import from a room of another. */
function mayImport(from: string, folder: string): boolean {
  const [layer = "", room = "."] = folder.split("/").slice(1);
  const [own = "", ownRoom = "."] = from.split("/");
  if (own !== layer) return layer === "lib" || (arrows[own] ?? []).includes(layer);
  const floor = (name: string) => (floors[layer] ?? []).findIndex((rooms) => rooms.includes(name));
  return floor(ownRoom) > floor(room);
}

test("whom a README names as its importers may import from its folder", () => {
  const wrong = folders.flatMap((folder) => {
    const said = /may be imported by: (.*)$/is.exec(readFileSync(readmeOf(folder), "utf8"))?.[1];
    if (said === undefined) return [`${folder} does not say who may import it`];
    const isPart = folder.split("/").length > 3;
    const named = isPart ? [] : [...said.matchAll(/`([\w/-]+)`/g)].map(([, name = ""]) => name);
    return named
      .filter((name) => name !== "src" && !mayImport(name, folder))
      .map((name) => `${name} may not import ${folder}`);
  });
  expect(wrong).toEqual([]);
});

test("what a README calls a word is exported from its folder", () => {
  const exported = (folder: string) =>
    sources
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .flatMap(({ lines }) =>
        lines.flatMap((line) => /^export (?:\w+ )*?(?:interface|type|class) (\w+)/.exec(line)?.[1] ?? []),
      );
  const wrong = folders.flatMap((folder) => {
    const known = new Set(exported(folder));
    const named = [...readFileSync(readmeOf(folder), "utf8").matchAll(/\*\*(\w+)\*\*/g)].map(([, name = ""]) => name);
    return named.filter((name) => !known.has(name)).map((name) => `${folder} exports no ${name}`);
  });
  expect(wrong).toEqual([]);
});
