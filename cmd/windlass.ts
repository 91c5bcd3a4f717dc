#!/usr/bin/env node
import { checkNodeVersion } from "../src/lib/program/node-version.ts";

const check = checkNodeVersion();
if (check.kind === "too-old") {
  process.stderr.write(`windlass: ${check.message}\n`);
  process.exitCode = 1;
} else {
  // Before anything large is imported: the second start finds its modules stripped of types and compiled.
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/cli/shell/main.ts");
  const { processIo } = await import("../src/cli/terminal/process-io.ts");
  const { boundResolver } = await import("../src/lib/environment.ts");
  boundResolver();
  using io = processIo();
  process.exitCode = await main(io);
}
