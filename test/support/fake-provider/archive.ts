import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { zipOf } from "../zip.ts";
import { computed, required, type Source } from "./kinds.ts";
import { text } from "./values.ts";

const filesIn = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted();

/** Packs a directory while planning, as archive_file does. The same files give the same bytes. */
export const archive: Source = {
  attributes: [
    required("source_dir"),
    required("output_path"),
    computed("id"),
    computed("output_base64sha256"),
    computed("output_size", "number"),
  ],
  read: (_context, config) => {
    const [from, to] = [text(config.source_dir), text(config.output_path)];
    const entries = filesIn(from).map((path) => ({ name: path.slice(from.length + 1), content: readFileSync(path) }));
    const zip = zipOf(entries);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, zip);
    const sha = createHash("sha256").update(zip);
    return { ...config, id: to, output_base64sha256: sha.digest("base64"), output_size: zip.length };
  },
};
