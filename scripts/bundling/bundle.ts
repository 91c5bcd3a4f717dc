import { createHash } from "node:crypto";
import { glob, mkdir, mkdtemp, readdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { rolldown } from "rolldown";
import { asciiTemplates } from "./ascii-templates.ts";
import { lateDescriptors } from "./descriptors/late-descriptors.ts";
import { lateRules } from "./late-rules.ts";
import { placedSources } from "./sources.ts";
import { threadsOf } from "./threads.ts";

/** Its time is when the sources were read: what is newer is not in the bundle. */
const stamp = "made";
/** A program that was started from an older one may still load parts of it. */
const keptBundles = 5;

/** Bundles the programs of this checkout, and makes `dist/current` the bundle. */
export async function bundlePrograms(root: string): Promise<void> {
  const readAt = new Date();
  const dist = join(root, "dist");
  await mkdir(dist, { recursive: true });
  const directory = await place(dist, await bundled(root));
  await utimes(join(directory, stamp), readAt, readAt);
  await makeCurrent(dist, basename(directory));
  await removeOld(dist);
  // What tests keep of programs that are no more.
  await rm(join(root, "node_modules/.cache/tests/windlass/compiled"), { recursive: true, force: true });
}

/** A file of a bundle. */
export interface BundledFile {
  readonly name: string;
  readonly contents: string | Uint8Array;
}

/** Each program is bundled alone, in few files: what it shares with others would be cut into many. */
async function bundled(root: string): Promise<readonly BundledFile[]> {
  const programs = ["windlass", "windlassd", "windlass-agent"];
  const threads = await threadsOf(root, await sourcesOf(root));
  return bundleParts(root, [...programs.map(programPart), ...Object.entries(threads).map(partOf)]);
}

/** The files of one program and of the threads that it starts. They are to lie in a directory of `dist/`. */
export async function bundleProgram(root: string, program: string): Promise<readonly BundledFile[]> {
  const own = await bundleParts(root, [programPart(program)]);
  const texts = own.filter(({ name }) => name.endsWith(".cjs")).map(({ contents }) => String(contents));
  const threads = Object.entries(await threadsOf(root, await sourcesOf(root)));
  const started = threads.filter(([name]) => texts.some((text) => text.includes(`${name}.cjs`)));
  return [...own, ...(await Promise.all(started.map((thread) => bundleOf(root, partOf(thread))))).flat()];
}

type Part = Readonly<Record<string, string>>;

const partOf = ([name, path]: readonly [string, string]): Part => ({ [name]: path });
const programPart = (name: string): Part => ({ [name]: `cmd/${name}.ts` });

const sourcesOf = (root: string): Promise<readonly string[]> =>
  Array.fromAsync(glob("src/**/*.ts", { cwd: root, exclude: ["**/*.test.ts"] }));

async function bundleParts(root: string, parts: readonly Part[]): Promise<readonly BundledFile[]> {
  const stacks = join(import.meta.dirname, "stacks.ts");
  return (await Promise.all([{ stacks }, ...parts].map((part) => bundleOf(root, part)))).flat();
}

async function bundleOf(root: string, input: Part): Promise<readonly BundledFile[]> {
  // As deep as where it will lie: what it is called is not known yet.
  const directory = join(root, "dist", "bundle");
  const isServer = "windlassd" in input;
  await using bundle = await rolldown({
    cwd: root,
    input: { ...input },
    platform: "node",
    // A package with a program of the machine's own, one that only who has installed it uses, one that is never used.
    external: [/^node:/, "better-sqlite3", "pg-native", "@grpc/proto-loader"],
    plugins: [
      placedSources(root, directory),
      asciiTemplates,
      lateDescriptors({ hasRules: isServer }),
      ...(isServer ? [lateRules] : []),
    ],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({
    dir: directory,
    // Node finds and reads such modules in half the time that others take.
    format: "cjs",
    exports: "named",
    // To find and read a file takes longer than to have what only some commands need.
    codeSplitting: { groups: "windlass" in input ? [{ name: "shared", minShareCount: 4 }] : [] },
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    intro: ({ isEntry, name }) => (isEntry && name !== "stacks" ? 'require("./stacks.cjs");' : ""),
    // Names of functions and classes stay: they are in messages and stacks.
    minify: {
      mangle: { toplevel: true, keepNames: { function: true, class: true } },
      compress: true,
      codegen: { removeWhitespace: true },
    },
    strict: true,
    charset: "ascii",
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  return output.map((file) => ({
    name: file.fileName,
    contents: file.type === "chunk" ? file.code : file.source,
  }));
}

/** Puts the files where their contents say; nothing is written when they are there. */
async function place(dist: string, files: readonly BundledFile[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { name, contents } of files) hash.update(name).update(contents);
  const directory = join(dist, hash.digest("hex").slice(0, 16));
  if (await exists(directory)) return directory;
  const fresh = await mkdtemp(join(dist, "new-"));
  for (const { name, contents } of files) await writeFile(join(fresh, name), contents);
  await writeFile(join(fresh, stamp), "");
  await rename(fresh, directory).catch(async (error: unknown) => {
    // Somebody else was faster.
    await rm(fresh, { recursive: true });
    if (!(await exists(directory))) throw error;
  });
  return directory;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function makeCurrent(dist: string, name: string): Promise<void> {
  const link = join(await mkdtemp(join(dist, "new-")), "current");
  await symlink(name, link);
  await rename(link, join(dist, "current"));
  await rm(join(link, ".."), { recursive: true });
}

async function removeOld(dist: string): Promise<void> {
  const names = (await readdir(dist)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const made = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(dist, name, stamp))).mtimeMs })),
  );
  const old = made.sort((a, b) => b.at - a.at).slice(keptBundles);
  for (const { name } of old) await rm(join(dist, name), { recursive: true, force: true });
}
