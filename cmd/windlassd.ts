#!/usr/bin/env node
import { checkNodeVersion } from "../src/lib/program/node-version.ts";

const check = checkNodeVersion();
if (check.kind === "too-old") {
  process.stderr.write(`windlassd: ${check.message}\n`);
  process.exitCode = 1;
} else {
  // Imported only now: an older Node would crash inside a native module without a word.
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/server/commands/main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
