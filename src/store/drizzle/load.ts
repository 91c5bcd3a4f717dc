import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * Loads a part of drizzle in its CommonJS form. As ES modules its hundreds of files take 1.5 s of CPU, because Node looks
 * up the package's export map of 180 kB again for each of them; this way they take 0.1 s.
 */
export const load = <Module>(name: string): Module => require(name);
