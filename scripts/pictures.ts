import { mkdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { missingChromium, openChromium } from "../test/support/chromium.ts";
import { openScene } from "../test/support/scene.ts";
import { makeOrganization } from "./picturing/organization.ts";
import { takePictures } from "./picturing/shots.ts";

const root = resolve(import.meta.dirname, "..");
const directory = join(root, "docs/pictures");

/** Each; all together have eight times as much. */
const maxBytes = 150_000;

async function main(): Promise<number> {
  if (missingChromium !== undefined) {
    process.stderr.write(`pictures: ${missingChromium}\n`);
    return 1;
  }
  await mkdir(directory, { recursive: true });
  await using scene = await openScene();
  const server = await scene.server();
  const organization = await makeOrganization(scene, server);
  await using chromium = await openChromium();
  const files = await takePictures(chromium, server, { organization, directory });
  const sizes = await Promise.all(files.map(async (file) => ({ file, bytes: (await stat(file)).size })));
  for (const { file, bytes } of sizes) console.log(`${relative(root, file).padEnd(36)}${bytes} bytes`);
  const large = sizes.filter(({ bytes }) => bytes > maxBytes);
  if (large.length > 0) process.stderr.write(`pictures: ${large.length} are larger than ${maxBytes} bytes\n`);
  return large.length > 0 ? 1 : 0;
}

process.exitCode = await main();
