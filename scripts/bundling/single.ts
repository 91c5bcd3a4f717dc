import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { type Plugin, rolldown } from "rolldown";
import { lateDescriptors } from "./descriptors/late-descriptors.ts";
import { requirePattern } from "./sources.ts";
import { threadName, threadPattern } from "./threads.ts";

/** A program of one file, for an executable that has nothing beside it. */
export interface SingleProgram {
  readonly main: string;
  /** What its threads run, by the name of the asset that it is kept as. */
  readonly assets: Readonly<Record<string, string>>;
}

/** Bundles a program for a single executable. Fails where it needs a file or a package that is not in it. */
export async function bundleSingle(root: string, program: string, version: string): Promise<SingleProgram> {
  const threads = new Map<string, string>();
  const main = await bundleFile(root, `cmd/${program}.ts`, inExecutable({ root, version, threads }));
  const assets: Record<string, string> = {};
  for (const [name, path] of threads)
    assets[name] = await bundleFile(root, path, inExecutable({ root, version, threads: new Map() }));
  return { main, assets };
}

async function bundleFile(root: string, input: string, placed: Plugin): Promise<string> {
  await using bundle = await rolldown({
    cwd: root,
    input,
    platform: "node",
    external: [/^node:/, "better-sqlite3", "pg-native", "@grpc/proto-loader"],
    plugins: [placed, lateDescriptors({ hasRules: false })],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({
    format: "cjs",
    codeSplitting: false,
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
    strict: true,
  });
  const [file] = output;
  const missing = file.imports.filter((name) => !isBuiltin(name));
  if (missing.length > 0) throw new Error(`${input}: a single executable cannot have ${missing.join(", ")} beside it`);
  return file.code;
}

const versionPattern = /readFileSync\(new URL\("[./]+\/package\.json", import\.meta\.url\), "utf8"\)/g;
const optionsPattern = new RegExp(`${threadPattern.source}, \\{`, "g");

interface Executable {
  readonly root: string;
  readonly version: string;
  /** Is told of the threads that are found: paths by name. */
  readonly threads: Map<string, string>;
}

/** What source files look for beside themselves is in the executable. */
const inExecutable = ({ root, version, threads }: Executable): Plugin => ({
  name: "in the executable",
  transform: {
    filter: { id: /\/(src|cmd)\/.*\.ts$/, code: "import.meta.url" },
    handler(text, path) {
      const placed = text
        .replace(requirePattern, "")
        .replace(versionPattern, () => JSON.stringify(JSON.stringify({ version })))
        .replace(optionsPattern, (_, target: string) => {
          const source = resolve(dirname(path), target);
          const name = threadName(source);
          threads.set(name, join(root, `${relative(root, source)}.ts`));
          return `new Worker(require("node:sea").getAsset(${JSON.stringify(name)}, "utf8"), { eval: true,`;
        });
      if (placed.includes("import.meta.url"))
        throw new Error(`${relative(root, path)}: a single executable has no files beside it`);
      return { code: placed, map: null };
    },
  },
});
