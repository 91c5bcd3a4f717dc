import { dirname, relative, resolve } from "node:path";
import type { Plugin } from "rolldown";
import { threadName, threadPattern } from "./threads.ts";

const urlPattern = /new URL\("(\.[^"]+)", import\.meta\.url\)/g;
/** How a source file gets `require`: what it asks for becomes part of the bundle. */
export const requirePattern = /^const require = createRequire\(import\.meta\.url\);$/gm;
/** Stands for `import.meta.url` where a bundle keeps it. */
const here = "import.meta\0url";

/**
 * Source files say where something lies as seen from themselves. In a bundle, whose files lie beside each other in
 * `directory`, that is somewhere else; what they `require` becomes part of it. Fails where a file asks in another way
 * where it lies.
 */
export const placedSources = (root: string, directory: string): Plugin => ({
  name: "placed sources",
  transform: {
    filter: { id: /\/(src|cmd)\/.*\.ts$/, code: "import.meta.url" },
    handler(text, path) {
      const seen = (target: string) => resolve(dirname(path), target);
      const placed = text
        .replace(requirePattern, "")
        .replace(threadPattern, (_, target) => `new Worker(new URL("./${threadName(seen(target))}.cjs", ${here})`)
        .replace(urlPattern, (_, target) => `new URL("${relative(directory, seen(target))}", ${here})`);
      if (placed.includes("import.meta.url"))
        throw new Error(`${relative(root, path)}: a bundle can place only new URL("./…", import.meta.url)`);
      return { code: placed.replaceAll(here, "import.meta.url"), map: null };
    },
  },
});
