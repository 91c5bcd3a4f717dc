import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** The flags of a script. `--help` prints its usage and ends it; a mistake says so, and ends it with 2. */
export function flagsOf<const T extends ParseArgsOptionsConfig>(usage: string, options: T) {
  if (process.argv.slice(2).includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}
