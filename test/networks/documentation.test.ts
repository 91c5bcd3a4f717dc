import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { blocksFolder } from "./blocks.ts";

test("the blocks of docs/networks.md are the files of docs/networks, to the letter, and all of them", async () => {
  const text = await readFile(`${blocksFolder}.md`, "utf8");
  const blocks = [...text.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, inner]) => inner);
  const names = await readdir(blocksFolder);
  const files = await Promise.all(names.map((name) => readFile(join(blocksFolder, name), "utf8")));
  expect(blocks.toSorted()).toEqual(files.toSorted());
});
