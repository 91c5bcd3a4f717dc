#!/usr/bin/env node
import { checkNodeVersion } from "../src/lib/program/node-version.ts";

const check = checkNodeVersion();
if (check.kind === "too-old") {
  process.stderr.write(`windlass-agent: ${check.message}\n`);
  process.exitCode = 1;
} else {
  // Imported only now: an older Node would crash inside a native module without a word.
  const { hideToken } = await import("../src/agent/program/hide-token.ts");
  hideToken();
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/agent/program/main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
