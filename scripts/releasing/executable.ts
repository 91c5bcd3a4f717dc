import { chmod, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { bundleSingle } from "../bundling/single.ts";
import type { PlaceOptions } from "./place.ts";

/** Of Node's documentation: marks that there is an application in its program. */
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** Makes one file of a program: Node with the bundle in it. */
export async function makeExecutable(file: string, options: Omit<PlaceOptions, "updateKeys">): Promise<void> {
  const { root, product, version, runtime } = options;
  const work = await mkdtemp(join(tmpdir(), "windlass-executable-"));
  try {
    const { main, assets } = await bundleSingle(root, product.program, version);
    const write = async (name: string, text: string) => {
      await writeFile(join(work, name), text);
      return join(work, name);
    };
    const kept: Record<string, string> = {};
    for (const [name, text] of Object.entries(assets)) kept[name] = await write(`${name}.asset`, text);
    const config = {
      main: await write("main.cjs", main),
      output: join(work, "blob"),
      disableExperimentalSEAWarning: true,
      // Compiled code is of one architecture, and not the same twice.
      useCodeCache: false,
      execArgv: product.nodeOptions,
      execArgvExtension: "none",
      assets: kept,
    };
    const described = await write("sea.json", JSON.stringify(config));
    await execa(process.execPath, ["--experimental-sea-config", described]);
    await copyFile(runtime.program, file);
    const local = { preferLocal: true, localDir: root };
    await execa("postject", [file, "NODE_SEA_BLOB", config.output, "--sentinel-fuse", fuse], local);
    await chmod(file, 0o755);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
