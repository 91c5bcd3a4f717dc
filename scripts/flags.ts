import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** The flags of a script. `--help` prints its usage and ends it; a mistake says so, and ends it with 2. */
export function flagsOf<const T extends ParseArgsOptionsConfig>(usage: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean", default: false } } });
    if (!values.help) return values;
    console.log(usage);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
  process.exit(0);
}
