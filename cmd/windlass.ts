#!/usr/bin/env node
import { startProgram } from "../src/lib/program/start.ts";

startProgram("windlass", async () => {
  // Before anything large is imported: the second start finds its modules stripped of types and compiled.
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/cli/shell/main.ts");
  const { processIo } = await import("../src/cli/terminal/process-io.ts");
  const { boundResolver } = await import("../src/lib/environment.ts");
  boundResolver();
  using io = processIo();
  return await main(io);
});
