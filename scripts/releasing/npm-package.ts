import { copyFile, cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { bundleProgram } from "../bundling/bundle.ts";
import { licencesOfOthers } from "./licences.ts";
import type { NodeRuntime } from "./node-runtime.ts";

/** What the npm package is made of. */
export interface NpmOptions {
  readonly root: string;
  readonly version: string;
  readonly runtime: NodeRuntime;
}

/** Makes the npm package: the CLI as `windlass`, and the generated client (Connect) to import. Answers the file's name. */
export async function packNpm(out: string, { root, version, runtime }: NpmOptions): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), "windlass-npm-"));
  try {
    const own = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const bundled = await bundleProgram(root, "windlass");
    await mkdir(join(work, "dist/bundle"), { recursive: true });
    for (const { name, contents } of bundled) await writeFile(join(work, "dist/bundle", name), contents);
    await generateClient(root, join(work, "client"));
    await mkdir(join(work, "bin"));
    await writeFile(join(work, "bin/windlass.cjs"), '#!/usr/bin/env node\nrequire("../dist/bundle/windlass.cjs");\n', {
      mode: 0o755,
    });
    await cp(join(root, "packaging/npm/README.md"), join(work, "README.md"));
    await copyFile(join(root, "LICENSE"), join(work, "LICENSE"));
    await writeFile(join(work, "THIRD-PARTY-LICENCES.txt"), await licencesOfOthers(root, runtime.license));
    await writeFile(join(work, "package.json"), `${JSON.stringify(described(own, version), null, 2)}\n`);
    const { stdout } = await execa("npm", ["pack", "--silent", "--pack-destination", work], { cwd: work });
    const name = `windlass-npm-${version}.tgz`;
    await mkdir(out, { recursive: true });
    await copyFile(join(work, stdout.trim()), join(out, name));
    return name;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface OwnPackage {
  readonly description: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The bundle needs nothing; the client needs what Connect's generated code imports. */
const described = ({ license, engines, dependencies }: OwnPackage, version: string) => ({
  name: "windlass",
  version,
  description: "Command line client of the Windlass control plane, and its API for programs",
  license,
  type: "module",
  engines,
  bin: { windlass: "bin/windlass.cjs" },
  exports: {
    ".": { types: "./client/index.d.ts", default: "./client/index.js" },
    "./agent": { types: "./client/agent.d.ts", default: "./client/agent.js" },
    "./package.json": "./package.json",
  },
  files: ["bin", "client", "dist", "THIRD-PARTY-LICENCES.txt"],
  dependencies: Object.fromEntries(
    ["@bufbuild/protobuf", "@connectrpc/connect"].map((name) => [name, `^${dependencies[name]}`]),
  ),
});

/** The messages and services as JavaScript with types, and one file that has all of `windlass.v1`; the agents' in another. */
async function generateClient(root: string, out: string): Promise<void> {
  const template = {
    version: "v2",
    plugins: [{ local: "protoc-gen-es", out, opt: ["target=js+dts", "import_extension=js"] }],
  };
  await execa("buf", ["generate", "proto", "--template", JSON.stringify(template)], { cwd: root, preferLocal: true });
  for (const [name, folder] of [
    ["index", "windlass/v1"],
    ["agent", "windlass/agent/v1"],
  ] as const) {
    const files = (await Array.fromAsync(glob(`${folder}/*_pb.js`, { cwd: out }))).toSorted();
    const lines = files.map((file) => `export * from "./${file}";\n`).join("");
    for (const kind of ["js", "d.ts"]) await writeFile(join(out, `${name}.${kind}`), lines);
  }
}
